"""What browsers cannot show, or not quickly, as PNG."""

from __future__ import annotations

import io
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import numpy
import pytest
import tifffile
from PIL import Image, ImageOps

from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.managed import decode
from dubhe_simulator.platform.managed.previews import Previews
from tests.support.images import flat_png


def opened(preview: tuple[bytes, str] | None) -> Image.Image:
    assert preview is not None
    content, media_type = preview
    assert media_type == "image/png"
    return Image.open(io.BytesIO(content))


def size(previews: Previews, path: Path) -> tuple[int, int]:
    facts = previews.facts(path)
    assert facts is not None
    return facts.size


def test_what_browsers_show_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(path)
    assert Previews().of(path, None) is None
    assert Previews().of(path, 10) is None, "a small file is its own preview"
    assert size(Previews(), path) == (30, 20)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "1", "LA", "I;16", "I", "F"])
def test_tiff_of_each_mode(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new(mode, (30, 20)).save(path)
    assert opened(Previews().of(path, None)).size == (30, 20)


def test_twelve_bits_use_the_whole_range(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    values = array("H", [1000 + 30 * (n % 100) for n in range(100 * 100)])
    Image.frombytes("I;16", (100, 100), values.tobytes()).save(path)
    shown = opened(Previews().of(path, None))
    assert shown.getextrema() == (0, 255)
    middle = shown.getpixel((50, 50))
    assert isinstance(middle, int)
    assert 120 <= middle <= 136


def test_a_large_image_is_reduced_and_keeps_its_stored_orientation(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((1200, 800), 90).save(path, exif=exif)
    previews = Previews()
    assert size(previews, path) == (1200, 800)
    small = opened(previews.of(path, 300))
    assert (small.size, small.getexif()) == ((300, 200), {})
    assert previews.of(path, None) is None


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("name", ["a.jpg", "deep.png", "a.tif", "deep.tif"])
def test_an_image_is_turned_as_its_exif_data_want_it(
    tmp_path: Path, orientation: int, name: str
) -> None:
    path, previews = tmp_path / name, Previews()
    mode = "I;16" if name.startswith("deep") else "L"
    stored = Image.effect_noise((60, 40), 90).resize((3000, 2000), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if mode == "I;16":
        stored = stored.convert("I").point(lambda value: value * 200).convert("I;16")
    stored.save(path, exif=exif)
    if path.suffix == ".jpg":
        with Image.open(path) as image:
            stored = image.copy()
    # Not of Pillow's reading of the file: it turns a TIFF itself, and scrambles one without
    # compression.
    stored.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(stored)
    assert turned is not None
    assert previews.facts(path) == (stored.size, turned.size, 1)
    for is_turned, expected in ((True, turned), (False, stored)):
        reduced = opened(previews.of(path, 300, turned=is_turned))
        assert max(reduced.size) == 300
        assert reduced.size[0] * expected.size[1] == reduced.size[1] * expected.size[0]
        box = (100, 200, 400, 350)
        part = opened(previews.part(path, box, 512, turned=is_turned))
        assert part.size == (300, 150)
        shades = list(part.convert("L").tobytes())
        values = list(array("f", expected.crop(box).convert("F").tobytes()))
        if mode == "L":
            assert shades == values
        else:  # brighter or darker, but in the same places
            assert len(set(zip(shades, values, strict=True))) == len(set(values))


@pytest.mark.parametrize(
    "compression", ["raw", "tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate"]
)
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "1", "P", "CMYK"])
def test_tiff_in_bands_has_the_pixels_of_the_whole(
    tmp_path: Path, mode: str, compression: str
) -> None:
    if compression == "jpeg" and mode not in ("L", "RGB"):
        return
    path = tmp_path / "a.tif"
    noise = Image.effect_noise((3000, 2500), 90)
    if mode == "I;16":
        image = noise.convert("I").point(lambda value: value * 200).convert("I;16")
    else:
        image = Image.merge("RGB", (noise, noise.rotate(90, expand=False), noise)).convert(mode)
    # Strips of eight rows: parts begin and end within one.
    image.save(path, compression=compression, tiffinfo={278: 8})
    with Image.open(path) as whole:
        whole.load()
        assert whole.size == image.size
    for box in [(0, 0, 200, 100), (1400, 1203, 1700, 1457), (2900, 2401, 3000, 2500)]:
        part = opened(Previews().part(path, box, 512))
        expected = whole.crop(box)
        if mode == "I;16":
            pairs = zip(part.tobytes(), array("H", expected.tobytes()), strict=True)
            assert len(set(pairs)) == len(set(array("H", expected.tobytes())))
        else:
            assert part.tobytes() == expected.convert(part.mode).tobytes()


@pytest.mark.parametrize("kind", ["tiles", "planes", "planes in tiles", "big-endian", "BigTIFF"])
def test_tiff_as_microscopes_and_line_cameras_write_it(tmp_path: Path, kind: str) -> None:
    """Compared with the array that tifffile wrote, not with anybody's reading of the file."""
    path = tmp_path / "a.tif"
    pixels = numpy.random.default_rng(1).integers(0, 256, (2500, 3000, 3), dtype=numpy.uint8)
    options: dict[str, Any] = {"photometric": "rgb", "compression": "zlib"}
    if "tiles" in kind:
        options["tile"] = (256, 128)
    if "planes" in kind:
        options["planarconfig"] = "separate"
    stored = numpy.moveaxis(pixels, 2, 0) if "planes" in kind else pixels
    tifffile.imwrite(
        *(path, stored),
        **options,
        bigtiff=kind == "BigTIFF",
        byteorder=">" if kind == "big-endian" else "<",
    )
    assert size(Previews(), path) == (3000, 2500)
    for left, upper, right, lower in [(0, 0, 200, 100), (1400, 1203, 1700, 1457)]:
        part = opened(Previews().part(path, (left, upper, right, lower), 512)).convert("RGB")
        assert (numpy.asarray(part) == pixels[upper:lower, left:right]).all()


LARGE = """
import resource, sys
from pathlib import Path
from dubhe_simulator.platform.managed.previews import Previews
from tests.support.images import flat_png
path, previews = Path(sys.argv[1]), Previews()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
previews.of(path, 2048)
previews.part(path, (5000, 5000, 5512, 5512), 512)
previews.part(path, (0, 0, 8192, 8192), 512)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "decoded_mb"), [("I;16", 200), ("RGB", 400)])
def test_a_hundred_megapixels_take_the_memory_of_one_decoded_image(
    tmp_path: Path, mode: str, decoded_mb: int
) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, (10_000, 10_000)).save(path, compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", LARGE, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < decoded_mb * 1.6


@pytest.mark.slow
def test_a_line_scan_as_tiff_takes_the_memory_of_a_few_bands(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("L", (2048, 110_000), 200).save(path, compression="packbits")
    done = subprocess.run(
        [sys.executable, "-c", LARGE, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 120, "225 MB are never decoded at once"


def test_what_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    path, previews = tmp_path / "a.png", Previews()
    flat_png(path, 40_000, 30_000)
    assert previews.facts(path) == ((40_000, 30_000), (40_000, 30_000), None)
    with pytest.raises(Refused, match="too many pixels"):
        previews.of(path, 400)
    with pytest.raises(Refused, match="too many pixels"):
        previews.part(path, (0, 0, 512, 512), 512)
    assert previews.of(path, None) is None, "the file itself can be had"


def test_a_jpeg_that_takes_too_much_memory_is_decoded_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MOST_BYTES", 1 << 20)
    path, previews = tmp_path / "a.jpg", Previews()
    image = Image.new("RGB", (1600, 1000), "white")
    image.paste("black", (800, 0, 1600, 1000))
    image.save(path)
    assert previews.facts(path) == ((1600, 1000), (1600, 1000), 4)
    part = opened(previews.part(path, (640, 400, 960, 600), 512))
    assert part.size == (80, 50), "a quarter of its pixels"
    left, right = part.getpixel((10, 25)), part.getpixel((70, 25))
    assert isinstance(left, tuple) and isinstance(right, tuple)
    assert min(left) > 240 > 15 > max(right)


def test_nothing_is_decoded_that_the_container_has_no_memory_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "CGROUP", tmp_path)
    limits = {"max": "9000000", "current": "8900000", "stat": "anon 1\ninactive_file 500000\n"}
    for name, text in limits.items():
        (tmp_path / f"memory.{name}").write_text(text)
    path = tmp_path / "a.png"
    Image.effect_noise((1000, 800), 90).save(path)
    with pytest.raises(Refused, match="not enough memory") as refused:
        Previews().of(path, 300)
    assert refused.value.status == 503
    (tmp_path / "memory.current").write_text("1000000")
    assert opened(Previews().of(path, 300)).size == (300, 240)


def test_a_large_damaged_file_is_not_handed_out_in_place_of_a_preview(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    flat_png(path, 4000, 3000)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(Refused, match="damaged"):
        Previews().of(path, 400)


def test_parts_are_cut_out_and_reduced(tmp_path: Path) -> None:
    path, previews = tmp_path / "a.png", Previews()
    image = Image.effect_noise((1000, 600), 90)
    image.save(path)
    exact = opened(previews.part(path, (10, 20, 110, 80), 512))
    assert exact.tobytes() == image.crop((10, 20, 110, 80)).tobytes()
    assert opened(previews.part(path, (0, 0, 1000, 600), 500)).size == (500, 300)
    beyond = opened(previews.part(path, (900, 500, 1412, 1012), 512))
    assert beyond.size == (100, 100)
    assert previews.part(path, (1000, 0, 1100, 100), 512) is None
    (tmp_path / "b.png").write_bytes(b"rubbish")
    assert previews.part(tmp_path / "b.png", (0, 0, 1, 1), 512) is None


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    path, previews = tmp_path / "a.tif", Previews()
    Image.new("L", (30, 20)).save(path)
    assert size(previews, path) == (30, 20)
    Image.new("L", (300, 200)).save(path)
    assert size(previews, path) == (300, 200)
    assert opened(previews.of(path, None)).size == (300, 200)


def test_damaged_files_are_left_to_the_browser(tmp_path: Path) -> None:
    for name, content in (("a.png", b"\x89PNG\r\n\x1a\n rubbish"), ("b.tif", b""), ("c.jpg", b"x")):
        (tmp_path / name).write_bytes(content)
        assert Previews().of(tmp_path / name, 100) is None
        assert Previews().facts(tmp_path / name) is None
