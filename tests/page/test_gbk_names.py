"""Names in GBK, as archives from a Chinese Windows leave them: of a file, a class, the project."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dubhe_simulator.algorithm.template import write_algorithm
from tests.page.fixtures import Visitor
from tests.page.platform import Platform

SHORT = '{"epochs": 2}'


def renamed(path: Path, name: str, suffix: str = "") -> Path:
    raw = name.encode("gbk")
    with pytest.raises(UnicodeDecodeError):
        raw.decode()  # some names in GBK are good UTF-8, too
    return path.rename(path.with_name(os.fsdecode(raw) + suffix))


@pytest.fixture(params=["file", "class", "project"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "shapes"
    write_algorithm(folder, "http")
    if request.param == "file":
        renamed(folder / "data" / "test" / "circle" / "00.bmp", "划痕", ".bmp")
    elif request.param == "class":
        for part in ("train", "val", "test"):
            renamed(folder / "data" / part / "circle", "划痕")
    else:
        folder = renamed(folder, "形状")
    return folder


def test_play_goes_through(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, Path(sys.executable).with_name("dubhe"), "play", folder,
         "--runs-dir", folder / "runs", "--special-params", SHORT],
        capture_output=True, text=True, errors="replace", timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, "of 18)" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_works(folder: Path, start: Callable[..., Platform], visit: Visitor) -> None:
    platform = start(folder, "--special-params", SHORT, runs=folder / "runs")
    assert len(platform.get("state")["algorithm"]["data"]["images"]) == 18
    platform.post("workflow")
    platform.wait_workflow()
    state = platform.get("state")
    assert state["source"] == {"name": "journal", "ok": True, "error": None, "failures": []}
    page = visit(f"{platform.url}/#/results")
    expect(page.get_by_text("18 images").first).to_be_visible()
    # Every picture is found, the one of that name too.
    evaluated = next(run for run in state["runs"] if run["kind"] == "evaluate")
    items = platform.get(f"results?run={evaluated['id']}")["items"]
    assert [item["why"] for item in items] == [None] * 18
