"""Windows of a signal, their features, and a model of them, independent of the platform."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

FEATURES = ("rms", "peak", "crest", "kurtosis")
RATE = 0.5  # of learning


@dataclass(frozen=True)
class Window:
    """Neighbouring samples of a signal: ``name`` says where it is from."""

    name: str
    label: str
    values: list[float]


def read_windows(path):
    """Yield the windows of a CSV file: a label, then the samples of one window in each row."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        for number, (label, *values) in enumerate(csv.reader(file)):
            yield Window(f"{path.stem}:{number:04d}", label, [float(v) for v in values])


def features_of(values):
    """Return what tells a worn bearing: energy, peaks, and how much of it is in peaks."""
    mean = sum(values) / len(values)
    centred = [v - mean for v in values]
    rms = math.sqrt(sum(v * v for v in centred) / len(centred)) or 1e-12
    peak = max(abs(v) for v in centred)
    kurtosis = sum(v**4 for v in centred) / len(centred) / rms**4
    return [rms, peak, peak / rms, kurtosis]


class Model:
    """Logistic regression on scaled features."""

    def __init__(self, weights=None, means=None, spreads=None):
        self.weights = weights or [0.0] * (len(FEATURES) + 1)
        self.means = means or [0.0] * len(FEATURES)
        self.spreads = spreads or [1.0] * len(FEATURES)

    @classmethod
    def load(cls, path):
        """Read a model that `save` wrote."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def save(self, path):
        """Write the model as JSON."""
        Path(path).write_text(json.dumps(vars(self)), encoding="utf-8")

    def scale(self, x):
        """Take means and spreads of the features from the training data."""
        for place, column in enumerate(zip(*x, strict=True)):
            mean = self.means[place] = sum(column) / len(column)
            self.spreads[place] = math.sqrt(sum((v - mean) ** 2 for v in column) / len(column))

    def probability(self, features):
        """Return how likely a fault is, from 0 to 1."""
        total = sum(w * v for w, v in zip(self.weights, self._inputs(features), strict=True))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))

    def learn(self, x, y):
        """Make one pass over all windows; return loss and accuracy before it."""
        steps, loss, right = [0.0] * len(self.weights), 0.0, 0
        for features, fault in zip(x, y, strict=True):
            probability = self.probability(features)
            right += (probability >= 0.5) == fault
            loss -= math.log(max(1e-12, probability if fault else 1 - probability))
            for place, value in enumerate(self._inputs(features)):
                steps[place] += (fault - probability) * value
        self.weights = [w + RATE * s / len(x) for w, s in zip(self.weights, steps, strict=True)]
        return loss / len(x), right / len(x)

    def _inputs(self, features):
        scaled = zip(features, self.means, self.spreads, strict=True)
        return [1.0, *((v - mean) / (spread or 1.0) for v, mean, spread in scaled)]
