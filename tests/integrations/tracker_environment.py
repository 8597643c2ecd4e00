"""An interpreter with the tools that read what `dubhe export` writes."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.environments import python_with

PACKAGES = ("tensorboard==2.21.0", "setuptools<81", "mlflow-skinny==3.17.2")


def tracker_python() -> Path:
    """Return the interpreter; several test processes may ask at the same time.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    return python_with("trackers", PACKAGES)
