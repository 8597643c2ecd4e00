"""Makes folders with fake algorithms and images, and looks for processes."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

APP = Path(__file__).with_name("fake_app.py")


def fake_algorithm(folder: Path, protocol: str = "http", **behaviour: object) -> Path:
    """Make an algorithm's folder with images of two classes in ``data``."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(APP, folder / "app.py")
    (folder / "run.sh").write_text(f'export protocol="{protocol}"\npython3 -u app.py\n')
    (folder / "behaviour.json").write_text(json.dumps(behaviour))
    for split in ("train", "val", "test"):
        for label in ("0", "1"):
            for number in range(4):
                path = folder / "data" / split / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return folder


def processes_with(word: str) -> list[int]:
    """Return the living processes whose command line or environment contains a word."""
    needle = word.encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            if entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            text = entry.joinpath("cmdline").read_bytes() + entry.joinpath("environ").read_bytes()
        except OSError:
            continue
        if needle in text:
            found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it did not.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} did not come true within {timeout} s")
        time.sleep(0.02)
