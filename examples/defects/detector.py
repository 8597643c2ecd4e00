"""The detector: one small neural network says what a window shows, another one where in it.

Both are scikit-learn's. Nothing here knows the platform.
"""

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from data import Labels
from sklearn.neural_network import MLPClassifier, MLPRegressor
from voting import Detections, vote
from windows import assign, to_pixels, to_relative, windows_of

BACKGROUND = ""  # the class of windows without a digit; sorted, it comes first
TRIED = 1200  # windows of background that are looked at on an image while learning …
HARDEST = 24  # … of which these are learned: those that look most like a digit
HEARD = 0.2  # how sure of a digit a window must be to vote
THIN = 2  # pixels: a narrower box is none


@dataclass(frozen=True)
class Lesson:
    """Windows of an image to learn from.

    Attributes:
        values: n x 128, those with a digit first.
        codes: n classes.
        relative: where the digit is, for those that have one; see `windows.to_relative`.
    """

    values: np.ndarray
    codes: np.ndarray
    relative: np.ndarray


class Detector:
    """Finds digits.

    Args:
        codes: the classes it is to tell apart.
    """

    def __init__(self, codes: Iterable[str]):
        self.codes = sorted(codes)
        common = {"learning_rate_init": 0.002, "alpha": 0.01, "random_state": 0}
        self.classifier = MLPClassifier(hidden_layer_sizes=(128,), **common)
        self.locator = MLPRegressor(hidden_layer_sizes=(64,), **common)

    def learn(
        self, images: list[np.ndarray], labels: list[Labels], rng: np.random.Generator
    ) -> dict[str, float]:
        """Learn from a few images; returns the losses."""
        pairs = zip(images, labels, strict=True)
        lessons = [self.lesson(image, truth, rng) for image, truth in pairs]
        values = np.concatenate([lesson.values for lesson in lessons])
        codes = np.concatenate([lesson.codes for lesson in lessons])
        relative = np.concatenate([lesson.relative for lesson in lessons])
        self.classifier.partial_fit(values, codes, classes=[BACKGROUND, *self.codes])
        losses = {"loss": float(self.classifier.loss_)}
        if len(relative):
            self.locator.partial_fit(values[codes != BACKGROUND], relative)
            losses["box_loss"] = float(self.locator.loss_)
        return losses

    def lesson(self, image: np.ndarray, truth: Labels, rng: np.random.Generator) -> Lesson:
        """Return all windows with a digit, and those of background that are hard."""
        windows = windows_of(image)
        assigned = assign(windows.frames, truth.boxes)
        digits = np.flatnonzero(assigned >= 0)
        background = rng.permutation(np.flatnonzero(assigned == -1))[:TRIED]
        if hasattr(self.classifier, "coefs_"):  # has learned before
            even = self.classifier.predict_proba(windows.values[background])[:, 0]
            background = background[np.argsort(even, kind="stable")]
        background = background[:HARDEST]
        codes = [truth.codes[index] for index in assigned[digits]]
        return Lesson(
            windows.values[np.concatenate([digits, background])],
            np.array(codes + [BACKGROUND] * len(background), dtype=object),
            to_relative(truth.boxes[assigned[digits]], windows.frames[digits]),
        )

    def detect(self, image: np.ndarray) -> Detections:
        """Return the digits on an image, also those it is hardly sure of."""
        windows = windows_of(image)
        shares = self.classifier.predict_proba(windows.values)[:, 1:]
        heard = np.flatnonzero(shares.sum(axis=1) >= HEARD)
        if not len(heard):
            return vote(np.zeros((0, 4)), shares[heard])
        relative = self.locator.predict(windows.values[heard])
        height, width = image.shape
        boxes = to_pixels(relative, windows.frames[heard]).clip(0, [width, height, width, height])
        wide = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= THIN
        return vote(boxes[wide], shares[heard[wide]])

    def save(self, path: str) -> None:
        """Write the detector to a file."""
        with Path(path).open("wb") as file:
            pickle.dump(self, file)


def load(path: str) -> Detector:
    """Read a detector back. As with every pickle: only load what you trust."""
    with Path(path).open("rb") as file:
        return pickle.load(file)
