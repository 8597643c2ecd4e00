"""Files and folders appear as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.errors import CannotStart, Stopped
from dubhe_simulator.export.output import whole_file, whole_folder


def test_a_file_is_there_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for text in ("first", "second"):
        with whole_file(path) as part:
            part.write_text(text)
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("full"), Stopped(2)])
def test_nothing_is_left_of_what_was_broken_off(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), whole_file(tmp_path / "file") as part:
        part.write_text("half")
        raise error
    with pytest.raises(type(error)), whole_folder(tmp_path / "folder") as part:
        (part / "inner").write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "folder") as part:
        (part / "inner").write_text("first")
    with pytest.raises(CannotStart, match="is there already"), whole_folder(tmp_path / "folder"):
        raise AssertionError
    assert (tmp_path / "folder" / "inner").read_text() == "first"
