from __future__ import annotations

import os
from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import NO_DATA, Dataset, ImageNames, dataset_of, read_dataset
from dubhe_simulator.errors import CannotStart


def images(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_split_folders(tmp_path: Path) -> None:
    images(tmp_path, "train/a/1.png", "train/b/2.JPG", "val/a/3.png", "test/b/4.png")
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("a", "b")
    body = dataset.request(TaskKind.TRAIN, "i")
    assert body["data_paths"] == [str(tmp_path / "train")]
    assert (body["verify_way"], body["verify_paths"]) == (2, [str(tmp_path / "val")])
    assert dataset.request(TaskKind.EVALUATE, "i")["data_paths"] == [str(tmp_path / "test")]


def test_names_are_not_looked_up_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images(tmp_path, "test/1.png")
    now = [100.0]
    monkeypatch.setattr("dubhe_simulator.algorithm.dataset.time.monotonic", lambda: now[0])
    look = Dataset.images

    def look_for_a_second(dataset: Dataset) -> list[str]:
        now[0] += 1.0
        return look(dataset)

    monkeypatch.setattr(Dataset, "images", look_for_a_second)
    names = ImageNames(read_dataset(tmp_path))
    assert names.get() == ["1.png"]
    images(tmp_path, "test/2.png")
    now[0] += 49.0
    assert names.get() == ["1.png"]
    now[0] += 1.0
    assert names.get() == ["1.png", "2.png"]


def test_one_folder_serves_for_all(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png", "b/2.png")
    dataset = read_dataset(tmp_path)
    body = dataset.request(TaskKind.TRAIN, "i")
    assert (body["verify_way"], body["verify_paths"]) == (1, [])
    assert dataset.train == dataset.test == tmp_path


def test_examples_are_spread(tmp_path: Path) -> None:
    images(tmp_path, *(f"test/{label}/{n}.png" for label in "abc" for n in range(4)))
    names = read_dataset(tmp_path).examples(3)
    assert [name[0] for name in names] == ["a", "b", "c"]
    assert len(read_dataset(tmp_path).examples(100)) == 12


def test_tables_are_data_too(tmp_path: Path) -> None:
    images(tmp_path, "train/rows.csv", "test/rows.csv")
    dataset = read_dataset(tmp_path)
    assert dataset.request(TaskKind.TRAIN, "i")["data_paths"] == [str(tmp_path / "train")]
    body = dataset.request(TaskKind.INFER, "i")
    assert (body["image_base_dir"], body["image_names"]) == (str(tmp_path / "test"), ["rows.csv"])


def test_an_algorithm_needs_no_data(tmp_path: Path) -> None:
    assert dataset_of(tmp_path) == NO_DATA
    assert NO_DATA.request(TaskKind.TRAIN, "i")["data_paths"] == []
    body = NO_DATA.request(TaskKind.INFER, "i")
    assert (body["image_base_dir"], body["image_names"]) == ("", [])


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="there is no folder"):
        read_dataset(tmp_path / "data")


def test_no_data_but_a_script_that_makes_it(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").touch()
    with pytest.raises(CannotStart, match=r"prepare\.py"):
        dataset_of(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(CannotStart, match=r"prepare\.py"):
        dataset_of(tmp_path)
    images(tmp_path, "data/a/1.png")
    assert dataset_of(tmp_path).classes == ("a",)


def test_a_request_carries_special_params_only_if_there_are_any(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png")
    dataset = read_dataset(tmp_path)
    assert "special_params" not in dataset.request(TaskKind.EVALUATE, "i")
    body = dataset.request(TaskKind.EVALUATE, "i", special_params={"a": 1})
    assert body["special_params"] == {"a": 1}
    body = dataset.request(TaskKind.INFER, "i", images=1, number=7)
    assert (body["request_number"], body["image_names"]) == (7, ["a/1.png"])
    assert body["image_base_dir"] == str(tmp_path)


def test_linked_splits_and_classes_have_images(tmp_path: Path) -> None:
    images(tmp_path / "store", "t/dent/1.png", "scratch/2.png")
    data = tmp_path / "data"
    data.mkdir()
    (data / "train").symlink_to(tmp_path / "store" / "t")
    (tmp_path / "store" / "t" / "scratch").symlink_to(tmp_path / "store" / "scratch")
    dataset = read_dataset(data)
    assert dataset.classes == ("dent", "scratch")
    assert dataset.images() == ["dent/1.png", "scratch/2.png"]


def test_checkpoints_are_no_class(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png", "a/._1.png", ".ipynb_checkpoints/1.png", "__MACOSX/a/1.png")
    dataset = read_dataset(tmp_path)
    assert (dataset.classes, dataset.images()) == (("a",), ["a/1.png"])


def test_a_folder_that_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png")
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):  # as deep as no path can name it
        os.mkdir("d" * 250, dir_fd=deep)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    dataset = read_dataset(tmp_path)
    assert dataset.images() == ["a/1.png"]
    [problem] = dataset.unreadable
    assert problem.endswith("File name too long")


def test_a_single_file_serves_for_all(tmp_path: Path) -> None:
    table = tmp_path / "readings.csv"
    table.write_text("id,value\n1,2\n")
    dataset = read_dataset(table)
    assert dataset.request(TaskKind.TRAIN, "i")["data_paths"] == [str(table)]
    assert dataset.request(TaskKind.EVALUATE, "i")["data_paths"] == [str(table)]
    body = dataset.request(TaskKind.INFER, "i")
    assert (body["image_base_dir"], body["image_names"]) == (str(tmp_path), ["readings.csv"])


def test_files_of_any_kind_are_examples_where_there_are_no_images(tmp_path: Path) -> None:
    images(tmp_path, "test/a.csv", "test/b.csv", "test/.hidden")
    assert read_dataset(tmp_path).request(TaskKind.INFER, "i")["image_names"] == ["a.csv", "b.csv"]
