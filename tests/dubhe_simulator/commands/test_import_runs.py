"""``dubhe import``: what it says, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.commands.export import main as export
from dubhe_simulator.commands.import_runs import main
from tests.dubhe_simulator.export.stored import TRAIN, content, fill, opened, reading


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("zips")
    fill(folder / "runs")
    assert export(["--zip", "--runs-dir", str(folder / "runs"), "-o", str(folder)]) == 0
    return sorted(folder.glob("*.zip"))


def test_all_are_imported_and_each_is_named(
    zips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    assert main([*map(str, zips), "--runs-dir", str(runs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(zips) == 4
    assert f"of {TRAIN}" in lines[-1]
    with reading(runs) as found, reading(zips[0].parent / "runs") as before:
        assert len(found) == 4
        losses = [content(data)["points"].get("loss") for data in found]
        for data in before:
            assert content(data)["points"].get("loss") in losses


def test_one_that_cannot_be_imported_does_not_hinder_the_others(
    zips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_text("no zip")
    runs = str(tmp_path / "runs")
    assert main([str(bad), str(zips[0]), str(tmp_path / "none.zip"), "--runs-dir", runs]) == 1
    out = capsys.readouterr().out
    assert "bad.zip: this is not a run that was exported as zip" in out
    assert "none.zip" in out
    assert f"{zips[0]}: run 1 of" in out


def test_of_a_folder_that_a_platform_uses_its_page_is_named(
    zips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path / "runs"):
        assert main([str(zips[0]), "--runs-dir", str(tmp_path / "runs")]) == 1
    assert "Import a run" in capsys.readouterr().out


def test_no_file_is_a_wrong_usage() -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
