from __future__ import annotations

import os
from pathlib import Path

import pytest

import dubhe_sdk


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def listed(*folders: Path, root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in dubhe_sdk.list_files(folders, [".png"])]


def test_files_and_what_is_below_folders(tmp_path: Path) -> None:
    make(tmp_path, "b/2.PNG", "b/1.png", "a/x/0.png", "b/notes.txt", "single.jpg")
    found = dubhe_sdk.list_files(
        [tmp_path / "b", tmp_path / "a", tmp_path / "single.jpg"], [".png"]
    )
    names = [str(path.relative_to(tmp_path)) for path in found]
    assert names == ["b/1.png", "b/2.PNG", "a/x/0.png", "single.jpg"]


def test_linked_folders_are_entered_under_their_own_names(tmp_path: Path) -> None:
    make(tmp_path / "store", "c7/0.png", "c8/1.png")
    split = tmp_path / "data" / "train"
    split.mkdir(parents=True)
    (split / "dent").symlink_to(tmp_path / "store" / "c7")
    (split / "file.png").symlink_to(tmp_path / "store" / "c8" / "1.png")
    (tmp_path / "linked").symlink_to(split)
    expected = ["linked/dent/0.png", "linked/file.png"]
    assert listed(tmp_path / "linked", root=tmp_path) == expected


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    make(tmp_path, "a/0.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    assert listed(tmp_path, root=tmp_path) == ["a/0.png"]


def test_rests_of_editors_and_archives_are_no_data(tmp_path: Path) -> None:
    make(tmp_path, "dent/0.png", "dent/._0.png", ".ipynb_checkpoints/0.png", "__MACOSX/dent/0.png")
    make(tmp_path, "dent/.ipynb_checkpoints/0-checkpoint.png")
    os.mkfifo(tmp_path / "dent" / "pipe.png")
    (tmp_path / "dent" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert listed(tmp_path, root=tmp_path) == ["dent/0.png"]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode("划痕/一.png".encode("gbk"))
    make(tmp_path, name)
    assert dubhe_sdk.list_files([tmp_path], [".png"]) == [tmp_path / name]


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a/0.png")
    with pytest.raises(FileNotFoundError, match=f"there is no {tmp_path}/b"):
        dubhe_sdk.list_files([tmp_path / "a", tmp_path / "b"], [".png"])


def test_nothing_there_names_the_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"no .png file in {tmp_path}"):
        dubhe_sdk.list_files([tmp_path], [".png"])
    with pytest.raises(FileNotFoundError, match=r"no \.bmp or \.png file in no folder at all"):
        dubhe_sdk.list_files([], [".bmp", ".png"])


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    make(tmp_path, "a/0.png")
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):  # as deep as no path can name it: root may not read that either
        os.mkdir("d" * 250, dir_fd=deep)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    with pytest.raises(OSError, match="too long"):
        dubhe_sdk.list_files([tmp_path], [".png"])
