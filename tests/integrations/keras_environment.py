"""Interpreters with Keras and each of its backends, and this project."""

from __future__ import annotations

from pathlib import Path

from tests.examples import torch_environment
from tests.integrations.boost_environment import boost_python
from tests.integrations.environments import python_with

PACKAGES = ("keras==3.15.1", "tensorflow-cpu==2.21.0", "orjson>=3.10")


def keras_python(backend: str) -> Path:
    """Return the interpreter; several test processes may ask at the same time.

    Args:
        backend: ``jax``, ``tensorflow`` or ``torch``.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    if backend == "jax":
        return boost_python()
    if backend == "torch":
        return python_with("torch", torch_environment.PACKAGES, keras=PACKAGES)
    return python_with("keras", PACKAGES)
