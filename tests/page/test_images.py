"""Images of every kind: what is found in them can be seen, and lies where it is drawn."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.store import SaidMessage, store, task
from tests.support.images import flat_png

LIGHT, DARK = (200, 200, 200), (20, 20, 20)
TURNED = [
    *(f"turned-{orientation}.jpg" for orientation in (3, 6, 8)),
    *(f"plain-{orientation}.tif" for orientation in range(1, 9)),
    *(f"packed-{orientation}.tif" for orientation in range(1, 9)),
]
# Where the square's upper left corner is, once the image is turned by its EXIF data.
PLACES = {
    1: (30, 20), 2: (310, 20), 3: (310, 220), 4: (30, 220),
    5: (20, 30), 6: (220, 30), 7: (220, 310), 8: (20, 310),
}  # fmt: skip
STEPS = 40  # presses of "+": more than any image needs
LINE_SCAN = (2048, 110_000)  # 225 megapixels
ZOOM = 16  # screen pixels for one of the image, at most


def scene(width: int, height: int, defect: int) -> tuple[Image.Image, list[list[int]]]:
    """An image with a dark square in its middle, and the box around that."""
    x, y = (width - defect) // 2, (height - defect) // 2
    image = Image.new("RGB", (width, height), LIGHT)
    image.paste(DARK, (x, y, x + defect, y + defect))
    return image, [[x, y], [x + defect, y + defect]]


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("images")
    files = folder / "files"
    files.mkdir()
    boxes: dict[str, list[list[int]]] = {}
    sizes = (("plate.png", (1600, 1200), 12), ("scan.png", (2048, 30_000), 6))
    for name, size, defect in sizes:
        image, boxes[name] = scene(*size, defect)
        image.save(files / name)
    image, boxes["panel.png"] = scene(10_000, 10_000, 6)
    image.convert("L").save(files / "panel.png", compress_level=1)
    for suffix in ("webp", "gif", "jfif", "bmp"):
        image, boxes[f"kind.{suffix}"] = scene(120, 80, 20)
        image.save(files / f"kind.{suffix}", "JPEG" if suffix == "jfif" else None)
    # 12 bits in 16: nearly black if they were shown as they are.
    values = [400 if 50 <= n % 120 < 70 and 30 <= n // 120 < 50 else 2000 for n in range(120 * 80)]
    deep = Image.frombytes("I;16", (120, 80), array("H", values).tobytes())
    for name in ("deep.png", "deep.tif"):
        boxes[name] = [[50, 30], [70, 50]]
        deep.save(files / name)
    image, boxes["colour.tiff"] = scene(120, 80, 20)
    image.save(files / "colour.tiff")
    image, boxes["large.bmp"] = scene(4000, 3000, 1000)
    image.save(files / "large.bmp")
    for orientation in (3, 6, 8):
        image = Image.new("RGB", (400, 300), LIGHT)
        image.paste(DARK, (30, 20, 90, 80))
        exif = Image.Exif()
        exif[0x0112] = orientation
        boxes[f"turned-{orientation}.jpg"] = [[30, 20], [90, 80]]
        image.save(files / f"turned-{orientation}.jpg", exif=exif)
    for orientation in range(1, 9):
        for kind, compression in (("plain", "raw"), ("packed", "tiff_lzw")):
            name = f"{kind}-{orientation}.tif"
            exif = Image.Exif()
            exif[0x0112] = orientation
            boxes[name] = [[30, 20], [90, 80]]
            image.save(files / name, exif=exif, compression=compression)
    image = Image.new("L", LINE_SCAN, LIGHT[0])
    boxes["belt.png"] = [[1021, 54_997], [1027, 55_003]]
    image.paste(DARK[0], (1021, 54_997, 1027, 55_003))
    image.save(files / "belt.png", compress_level=1)
    image.save(files / "belt.tif", compression="packbits")
    boxes["belt.tif"] = boxes["belt.png"]
    flat_png(files / "wafer.png", 40_000, 30_000)
    boxes["wafer.png"] = [[0, 0], [100, 100]]
    (files / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    paths = [str(files / name) for name in boxes]
    paths += [str(files / name) for name in ("broken.png", "gone.png", "notes.svg")]
    paths.append(str(folder / "elsewhere.png"))

    def evaluation() -> Iterator[SaidMessage]:
        yield task("START")
        for path in paths:
            class_ = class_of(Path(path).name)
            info = {"ground_true": class_, "predict_code": class_, "conf": 0.9}
            if box := boxes.get(Path(path).name):
                info |= {"shape_type": "rectangle", "position": box, "special": None}
            yield "als_model_result", 3, [{"img_path": path, "info": [info]}]
        yield task("END")

    store(folder / "runs", {"images-a1-forecast-1": evaluation()})
    return start("--images", files, runs=folder / "runs")


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    return visit(f"{platform.url}/#/results")


def class_of(name: str) -> str:
    """Return a class that few images have: a gallery holds only the tiles that are visible."""
    kind = name.partition("-")[0].partition(".")[0]
    return kind if kind in ("turned", "plain", "packed", "belt", "wafer") else "pore"


def narrowed(page: Page, name: str) -> None:
    page.evaluate("truth => { location.hash = `#/results?truth=${truth}`; }", class_of(name))
    expect(page.locator(f".tile[data-name='{name}']")).to_be_visible()


def opened(page: Page, name: str) -> None:
    narrowed(page, name)
    page.locator(f".tile[data-name='{name}']").click()
    expect(page.locator(".lightbox .prediction rect").first).to_be_attached()


def shot(page: Page) -> Image.Image:
    content = page.locator(".lightbox .picture").screenshot()
    return Image.open(io.BytesIO(content)).convert("RGB")


def is_dark(pixel: object) -> bool:
    return isinstance(pixel, tuple) and max(pixel) < 60


def is_light(pixel: object) -> bool:
    return isinstance(pixel, tuple) and all(
        abs(a - b) < 20 for a, b in zip(pixel, LIGHT, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "defect"),
    [("plate.png", 12), ("scan.png", 6), ("panel.png", 6), ("belt.png", 6), ("belt.tif", 6)],
)
def test_a_box_never_covers_what_it_is_about(page: Page, name: str, defect: int) -> None:
    opened(page, name)
    page.evaluate("document.querySelectorAll('.tag, .overlay text').forEach((e) => e.remove())")
    for _ in range(STEPS):
        page.keyboard.press("+")
    expect(page.locator(".lightbox .picture")).to_have_attribute("data-sharp", "")
    page.evaluate("document.querySelectorAll('.tag, .overlay text').forEach((e) => e.remove())")
    seen = shot(page)
    middle = seen.height // 2
    row = [seen.getpixel((x, middle)) for x in range(seen.width)]
    dark = [x for x, pixel in enumerate(row) if is_dark(pixel)]
    # The defect is magnified to its pixels, and the frame takes 1 px of each side.
    assert defect * ZOOM - 6 <= len(dark) <= defect * ZOOM, len(dark)
    assert dark == list(range(dark[0], dark[-1] + 1))
    beside = row[dark[-1] + 1 : dark[-1] + 8]
    stroke = [
        pixel for pixel in beside if sum(abs(a - b) for a, b in zip(pixel, LIGHT, strict=True)) > 60
    ]
    assert 1 <= len(stroke) <= 3, beside


@pytest.mark.parametrize("name", ["scan.png", "panel.png", "belt.png", "belt.tif"])
def test_of_a_large_image_what_is_seen_is_fetched(page: Page, name: str) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    opened(page, name)
    picture = page.locator(".lightbox .picture")
    expect(picture).to_have_attribute("data-sharp", "")
    assert picture.locator("img").evaluate("i => Math.max(i.naturalWidth, i.naturalHeight)") == 2048
    assert picture.locator(".parts image").count() == 0, "the preview is sharp enough"
    for _ in range(STEPS):
        page.keyboard.press("+")
    expect(picture).to_have_attribute("data-sharp", "")
    before = {image.get_attribute("href") for image in picture.locator(".parts image").all()}
    assert 1 <= len(before) <= 9
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    for _ in range(90):  # further than a part is long
        page.keyboard.press("ArrowDown")
    expect(picture).to_have_attribute("data-sharp", "")
    after = {image.get_attribute("href") for image in picture.locator(".parts image").all()}
    assert after and not after & before
    address = (picture.locator("img").get_attribute("src") or "").partition("?")[0]
    own = [url for url in loaded if address in url]
    assert own and all("most=" in url for url in own), "never all pixels at once"


def test_a_defect_is_seen_before_anything_is_magnified(page: Page) -> None:
    opened(page, "plate.png")
    page.evaluate("document.querySelectorAll('.tag, .overlay text').forEach((e) => e.remove())")
    seen = shot(page)
    assert is_dark(seen.getpixel((seen.width // 2, seen.height // 2)))


@pytest.mark.parametrize("name", TURNED)
def test_coordinates_are_those_of_the_stored_pixels(page: Page, name: str) -> None:
    opened(page, name)
    expect(page.locator(".lightbox .overlay")).to_have_attribute("viewBox", "0 0 400 300")
    box = page.locator(".lightbox .prediction rect").first.bounding_box()
    stage = page.locator(".lightbox .picture").bounding_box()
    assert box and stage
    seen, left, top = shot(page), box["x"] - stage["x"], box["y"] - stage["y"]
    for x, y in [(0.1, 0.1), (0.9, 0.1), (0.5, 0.5), (0.1, 0.9), (0.9, 0.9)]:
        place = (round(left + x * box["width"]), round(top + y * box["height"]))
        assert is_dark(seen.getpixel(place)), (x, y)
    for x, y in [(-0.2, 0.5), (1.2, 0.5), (0.5, -0.2), (0.5, 1.2)]:
        place = (round(left + x * box["width"]), round(top + y * box["height"]))
        assert not is_dark(seen.getpixel(place)), (x, y)


@pytest.mark.parametrize("name", TURNED)
def test_a_run_may_have_its_images_turned(page: Page, platform: Platform, name: str) -> None:
    """Its boxes are those of what `cv2.imread` returns unless it is told otherwise."""
    orientation = int(name[name.index("-") + 1])
    size = "300 400" if orientation >= 5 else "400 300"
    menu = page.get_by_label("Images of this run")
    expect(menu).to_have_value("stored")
    menu.select_option("turned")
    narrowed(page, name)
    tile = page.locator(f".tile[data-name='{name}'] .overlay")
    expect(tile).to_have_attribute("viewBox", f"0 0 {size}")
    page.reload()  # it is the run's, and kept
    expect(menu).to_have_value("turned")
    opened(page, name)
    expect(page.locator(".lightbox .overlay")).to_have_attribute("viewBox", f"0 0 {size}")
    rectangle = page.locator(".lightbox .prediction rect").first
    left, top = PLACES[orientation]
    rectangle.evaluate(
        "(e, [x, y]) => { e.setAttribute('x', x); e.setAttribute('y', y); }", [left, top]
    )
    box = rectangle.bounding_box()
    stage = page.locator(".lightbox .picture").bounding_box()
    assert box and stage
    seen = shot(page)
    for x, y, dark in [(0.1, 0.1, 1), (0.9, 0.9, 1), (-0.2, 0.5, 0), (0.5, 1.2, 0)]:
        place = (
            round(box["x"] - stage["x"] + x * box["width"]),
            round(box["y"] - stage["y"] + y * box["height"]),
        )
        assert is_dark(seen.getpixel(place)) == bool(dark), (x, y)
    platform.post("annotate", runs=[1], turned=False)
    expect(menu).to_have_value("stored")


@pytest.mark.parametrize("suffix", ["webp", "gif", "jfif", "bmp"])
def test_other_formats_are_shown(page: Page, suffix: str) -> None:
    opened(page, f"kind.{suffix}")
    expect(page.locator(".lightbox .overlay")).to_have_attribute("viewBox", "0 0 120 80")
    seen = shot(page)
    assert is_dark(seen.getpixel((seen.width // 2, seen.height // 2)))


@pytest.mark.parametrize("name", ["deep.png", "deep.tif", "colour.tiff"])
def test_what_browsers_cannot_show_is_shown_as_png(page: Page, name: str) -> None:
    opened(page, name)
    expect(page.locator(".lightbox .overlay")).to_have_attribute("viewBox", "0 0 120 80")
    seen = shot(page)
    middle = (seen.width // 2, seen.height // 2)
    assert is_dark(seen.getpixel(middle))
    beside = seen.getpixel((middle[0] + seen.height // 3, middle[1]))
    assert isinstance(beside, tuple)
    assert min(beside) > 150


def test_tiles_hold_reduced_images_with_their_boxes(page: Page) -> None:
    narrowed(page, "large.bmp")
    tile = page.locator(".tile[data-name='large.bmp']")
    expect(tile.locator("img")).to_be_visible()
    assert tile.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [
        400,
        300,
    ]
    expect(tile.locator(".overlay")).to_have_attribute("viewBox", "0 0 4000 3000")
    opened(page, "large.bmp")
    image = page.locator(".lightbox .picture img")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 4000


def test_what_takes_too_much_memory_can_be_downloaded(page: Page) -> None:
    narrowed(page, "wafer.png")
    tile = page.locator(".tile[data-name='wafer.png']")
    expect(tile.locator(".no-image")).to_contain_text("Too large to be shown: 1,200 megapixels")
    tile.click()
    expect(page.locator(".lightbox .no-image")).to_contain_text("Too large to be shown")
    with page.expect_download() as download:
        page.locator(".lightbox").get_by_role("link", name="Download the file").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_what_is_not_shown_has_its_own_reason(page: Page) -> None:
    for name, reason in {
        "broken.png": "The browser cannot show this file",
        "gone.png": "There is no such file",
        "notes.svg": "This kind of file is not shown",
        "elsewhere.png": "Not in a served folder (--images)",
    }.items():
        narrowed(page, name)
        expect(page.locator(f".tile[data-name='{name}'] .no-image")).to_contain_text(reason)
