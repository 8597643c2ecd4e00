"""Labelled images in a folder, and how they are dealt out to the three kinds of task.

The folder may hold ``train``, ``val`` and ``test``; without them all images serve for all. The
classes are the names of the sub-folders of the training images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubhe_simulator.errors import CannotPlay
from dubhe_simulator.i18n import translate

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Dataset:
    """Absolute paths, as requests carry them.

    Attributes:
        train: images to train on.
        validation: images to validate on while training; None lets the algorithm hold some out.
        test: images for evaluation and inference.
        classes: the names of the classes.
    """

    train: Path
    validation: Path | None
    test: Path
    classes: tuple[str, ...]

    def examples(self, count: int) -> list[str]:
        """Return names of test images, relative to `test` and spread over it evenly."""
        names = [str(path.relative_to(self.test)) for path in images_below(self.test)]
        step = max(1, len(names) // max(1, count))
        return names[step // 2 :: step][:count]


def read_dataset(folder: Path) -> Dataset:
    """Look at a data folder.

    Raises:
        CannotPlay: it does not exist or holds no images.
    """
    folder = folder.absolute()
    if not folder.is_dir() or not images_below(folder):
        raise CannotPlay(_missing(folder))
    train = _existing(folder / "train") or folder
    validation = _existing(folder / "val")
    test = _existing(folder / "test") or validation or train
    classes = sorted({path.parent.name for path in images_below(train) if path.parent != train})
    return Dataset(train, validation, test, tuple(classes))


def images_below(folder: Path) -> list[Path]:
    """Return all images below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def _existing(folder: Path) -> Path | None:
    return folder if folder.is_dir() and images_below(folder) else None


def _missing(folder: Path) -> str:
    script = folder.parent / "prepare.py"
    if script.is_file():
        return translate("no_data_but_script", folder=folder, script=script)
    return translate("no_data", folder=folder)
