"""Writes vibration signals: data/train/pump-1.csv and others, likewise test/.

Each row is a label and 64 samples. A worn bearing adds short bursts, some of them hardly above the
noise. The signals are the same every time. Run it once: ``python3 prepare.py``.
"""

import argparse
import csv
import math
import random
from pathlib import Path

FILES = {"train": ("pump-1", "pump-2", "pump-3"), "test": ("pump-4", "pump-5")}
WINDOWS, SAMPLES = 120, 64


def prepare(folder: Path) -> None:
    """Write all signals below ``folder``."""
    for part, names in FILES.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            chance = random.Random(name)
            path = folder / part / f"{name}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(window(chance) for _ in range(WINDOWS))
        print(f"{folder / part}: {len(names)} files of {WINDOWS} windows")


def window(chance: random.Random) -> list[object]:
    """Return a label and the samples of one window."""
    label = "fault" if chance.random() < 0.35 else "ok"
    phase, size = chance.uniform(0, math.tau), chance.uniform(0.8, 1.2)
    values = [size * math.sin(phase + n * 0.4) + chance.gauss(0, 0.2) for n in range(SAMPLES)]
    if label == "fault":
        height = chance.uniform(0.6, 4.0)
        for start in range(chance.randrange(16), SAMPLES, 16):
            for n in range(start, min(SAMPLES, start + 4)):
                values[n] += height * (-1) ** n * 0.6 ** (n - start)
    return [label, *(round(v, 4) for v in values)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=here / "data")
    prepare(parser.parse_args().folder)
