from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.algorithm.dataset import read_dataset
from dubhe_simulator.contract import payloads
from dubhe_simulator.errors import CannotPlay


def images(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_split_folders(tmp_path: Path) -> None:
    images(tmp_path, "train/a/1.png", "train/b/2.JPG", "val/a/3.png", "test/b/4.png")
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("a", "b")
    body = payloads.train("i", dataset)
    assert body["data_paths"] == [str(tmp_path / "train")]
    assert (body["verify_way"], body["verify_paths"]) == (2, [str(tmp_path / "val")])
    assert payloads.evaluate("i", dataset)["data_paths"] == [str(tmp_path / "test")]


def test_one_folder_serves_for_all(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png", "b/2.png")
    dataset = read_dataset(tmp_path)
    body = payloads.train("i", dataset)
    assert (body["verify_way"], body["verify_paths"]) == (1, [])
    assert dataset.train == dataset.test == tmp_path


def test_examples_are_spread(tmp_path: Path) -> None:
    images(tmp_path, *(f"test/{label}/{n}.png" for label in "abc" for n in range(4)))
    names = read_dataset(tmp_path).examples(3)
    assert [name[0] for name in names] == ["a", "b", "c"]
    assert len(read_dataset(tmp_path).examples(100)) == 12


def test_no_images(tmp_path: Path) -> None:
    images(tmp_path, "notes.txt")
    with pytest.raises(CannotPlay, match="--data-dir"):
        read_dataset(tmp_path)


def test_no_images_but_a_script_that_makes_them(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").touch()
    with pytest.raises(CannotPlay, match=r"prepare\.py"):
        read_dataset(tmp_path / "data")


def test_a_request_carries_special_params_only_if_there_are_any(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png")
    dataset = read_dataset(tmp_path)
    assert "special_params" not in payloads.evaluate("i", dataset)
    assert payloads.evaluate("i", dataset, {"a": 1})["special_params"] == {"a": 1}
    body = payloads.infer("i", dataset, ["a/1.png"], 7)
    assert (body["request_number"], body["image_base_dir"]) == (7, str(tmp_path))
