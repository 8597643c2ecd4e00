"""Data in a folder, and how it is dealt out to the requests for the three kinds of task.

The folder may hold ``train``, ``val`` and ``test``; without them all data serves for all, and so
does a single file. Images are not required: tables, texts and signals are data too. With images,
the classes are the names of the sub-folders of the training images.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubhe_sdk.api.data_files import files_below
from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.contract import payloads
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
EXAMPLES = 6
Unreadable = Callable[[OSError], None]


@dataclass(frozen=True)
class Dataset:
    """Absolute paths, as requests carry them.

    Attributes:
        train: data to train on; None if there is none.
        validation: data to validate on while training; None lets the algorithm hold some out.
        test: data for evaluation and inference; None if there is none.
        classes: the names of the classes.
        unreadable: folders that were left out, each with the reason.
    """

    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    classes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def folders(self) -> list[Path]:
        """All folders, or files, that it names."""
        return [folder for folder in (self.train, self.validation, self.test) if folder]

    def images(self) -> list[str]:
        """Return the names of the test images, sorted; of all test files if none is an image.

        They are relative to `test`, or to its folder if it is a file.
        """
        if self.test is None:
            return []
        if self.test.is_file():
            return [self.test.name]
        found = images_below(self.test) or sorted(files_below(self.test, ("",), _ignored))
        return [str(path.relative_to(self.test)) for path in found]

    def examples(self, count: int) -> list[str]:
        """Return names of test images or files, spread evenly over them."""
        names = self.images()
        step = max(1, len(names) // max(1, count))
        return names[step // 2 :: step][:count]

    def request(
        self,
        kind: TaskKind,
        instance_id: str,
        *,
        images: int = EXAMPLES,
        number: int = 1,
        special_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the body of the request for a task on this data.

        Args:
            kind: of task.
            instance_id: whom it is for.
            images: how many test images, or files, an inference names.
            number: an inference's ``request_number``.
            special_params: business parameters.
        """
        if kind is TaskKind.TRAIN:
            paths, verify = _texts(self.train), _texts(self.validation)
            return payloads.train(instance_id, paths, self.classes, verify, special_params)
        if kind is TaskKind.EVALUATE:
            return payloads.evaluate(instance_id, _texts(self.test), special_params)
        base = self.test.parent if self.test and self.test.is_file() else self.test or ""
        names = self.examples(images)
        return payloads.infer(instance_id, str(base), names, number, special_params)


NO_DATA = Dataset()


class ImageNames:
    """The names of a dataset's test images, for views that are asked for again and again.

    A look at a large folder takes long. So what it found is kept for `_RESTS` times as long: of the
    time of whoever asks without a pause, looks take no more than that share.

    Args:
        dataset: whose images.
    """

    _RESTS = 50

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._names: list[str] = []
        self._valid_until = 0.0

    def get(self) -> list[str]:
        """Return them, as `Dataset.images` did not long ago."""
        begun = time.monotonic()
        if begun >= self._valid_until:
            self._names = self._dataset.images()
            now = time.monotonic()
            self._valid_until = now + self._RESTS * (now - begun)
        return self._names


def read_dataset(folder: Path) -> Dataset:
    """Look at a data folder, or at a single file.

    Raises:
        CannotStart: it does not exist.
    """
    folder = folder.absolute()
    if folder.is_file():
        return Dataset(folder, None, folder)
    if not folder.is_dir():
        raise CannotStart(translate("no_folder", folder=folder))
    train = _part(folder / "train") or folder
    validation = _part(folder / "val")
    test = _part(folder / "test") or validation or train
    problems: dict[str, None] = {}  # in their order, each once
    images = images_below(train, _noted_in(problems))
    for other in filter(None, {validation, test} - {train}):
        images_below(other, _noted_in(problems))
    classes = sorted({path.parent.name for path in images if path.parent != train})
    return Dataset(train, validation, test, tuple(classes), tuple(problems))


def dataset_of(algorithm: Path) -> Dataset:
    """Look at the folder ``data`` of an algorithm, which need not have one.

    Raises:
        CannotStart: the algorithm's ``prepare.py`` has to make the data first.
    """
    folder, script = algorithm / "data", algorithm / "prepare.py"
    if _part(folder):
        return read_dataset(folder)
    if script.is_file():
        raise CannotStart(translate("no_data_but_script", folder=folder, script=script))
    return NO_DATA


def images_below(folder: Path, unreadable: Unreadable = lambda error: None) -> list[Path]:
    """Return all images below a folder, sorted; see `dubhe_sdk.list_files`.

    Args:
        folder: where to look.
        unreadable: called with the error for each folder that cannot be read.
    """
    return sorted(files_below(folder, IMAGE_SUFFIXES, unreadable))


def _noted_in(problems: dict[str, None]) -> Unreadable:
    return lambda error: problems.setdefault(f"{error.filename}: {error.strerror}")


def _ignored(error: OSError) -> None:
    """What cannot be read was told when the dataset was read."""


def _part(folder: Path) -> Path | None:
    """Return the folder if there is anything in it."""
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def _texts(folder: Path | None) -> list[str]:
    return [str(folder)] if folder else []
