"""The models that a training left: which there are, which is the best, what is done with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dubhe_simulator.algorithm.template import write_algorithm
from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.support.waiting import wait_for

EPOCHS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "shapes"
    write_algorithm(folder, "http")
    return folder


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], folder: Path) -> Platform:
    platform = start(folder)
    platform.post("workflow/train", special_params={"epochs": EPOCHS})
    platform.wait_workflow()
    return platform


def test_they_are_listed_and_the_best_is_marked(
    platform: Platform, folder: Path, visit: Visitor
) -> None:
    page = visit(platform.url)
    rows = page.locator("[data-model]")
    expect(rows).to_have_count(EPOCHS)
    files = sorted((folder / "output" / "models").iterdir(), reverse=True)
    for place, file in enumerate(files):
        _, _, epoch, loss = file.stem.split("_")
        expect(rows.nth(place)).to_contain_text(file.name)
        cells = rows.nth(place).locator("td.number")
        expect(cells.nth(0)).to_have_text(epoch)
        expect(cells.nth(1)).to_have_text(str(float(loss)))
        expect(cells.nth(2)).to_have_text(f"{file.stat().st_size / 1024:.1f} KiB")
    expect(page.locator("[data-model]", has_text="Best")).to_have_count(1)
    expect(rows.first).to_contain_text("Best")


def test_one_is_downloaded(platform: Platform, folder: Path, visit: Visitor) -> None:
    page = visit(platform.url, locale="zh-CN")
    expect(page.get_by_role("heading", name="模型文件")).to_be_visible()
    last = page.locator("[data-model]").last
    with page.expect_download() as download:
        last.get_by_role("link", name="下载").click()
    name = last.get_attribute("data-model") or ""
    assert download.value.suggested_filename == name
    assert (
        Path(download.value.path()).read_bytes()
        == (folder / "output" / "models" / name).read_bytes()
    )


def test_another_than_the_best_is_evaluated(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url, scheme="dark")
    first_epoch = page.locator("[data-model]").last
    name = first_epoch.get_attribute("data-model") or ""
    first_epoch.get_by_role("button", name="Evaluate this one").click()
    wait_for(lambda: platform.get("state")["workflow"]["step"] == "evaluate", "the evaluation")
    platform.wait_workflow()
    [run] = [run["id"] for run in platform.get("state")["runs"] if run["kind"] == "evaluate"]
    [details] = platform.get(f"runs?run={run}")["items"]
    assert details["model"].endswith(f"/{name}")


def test_only_models_are_given_out(platform: Platform) -> None:
    for name in ("..%2Fapp.py", "app.py", "model_1_2_3.json", "%2Fetc%2Fpasswd"):
        with pytest.raises(OSError, match="404"):
            platform.get(f"models/{name}")
    with pytest.raises(OSError, match="404"):
        platform.post("workflow/evaluate", model="/etc/passwd")


def test_what_the_app_has_no_method_for_cannot_be_clicked(
    start: Callable[..., Platform], tmp_path: Path, visit: Visitor
) -> None:
    write_algorithm(tmp_path / "net", "http")
    app = tmp_path / "net" / "app.py"
    app.write_text(app.read_text().replace("@dubhe_sdk.predict()", ""))
    page = visit(start(tmp_path / "net").url)
    expect(page.locator("[data-action=train]")).to_be_enabled()
    expect(page.locator("[data-action=infer]")).to_be_enabled()
    expect(page.locator("[data-action=all]")).to_be_enabled()
    expect(page.locator("[data-action=evaluate]")).to_be_disabled()
    expect(page.locator("[data-action=evaluate]")).to_contain_text("no @dubhe_sdk.predict()")
