"""Interpreters with frameworks that do without PyTorch, and this project."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.environments import python_with

PACKAGES = (
    *("numpy==2.4.6", "orjson>=3.10", "pillow>=11"),
    *("keras==3.15.1", "jax==0.10.2", "paddlepaddle==3.3.1"),
    *("xgboost-cpu==3.2.0", "lightgbm==4.7.0", "catboost==1.2.10", "scikit-learn==1.9.1"),
    *("tensorboardX==2.6.5", "tensorboard==2.21.0", "wandb==0.31.0", "swanlab==0.10.3"),
)
MINDSPORE = ("mindspore==2.10.0", "numpy==1.26.4", "orjson>=3.10")


def boost_python() -> Path:
    """Return the interpreter; several test processes may ask at the same time.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    return python_with("boost", PACKAGES)


def mindspore_python() -> Path:
    """Return the interpreter with MindSpore, which is as large as all others together.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    return python_with("mindspore", MINDSPORE)
