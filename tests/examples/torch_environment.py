"""An interpreter with the real PyTorch, the frameworks above it, and this project."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.environments import packages_with, python_with

PACKAGES = (
    *("torch==2.15.0", "torchvision==0.29.2", "numpy>=2.2,<3", "pillow>=11", "orjson>=3.10"),
    *("lightning==2.6.6", "accelerate==1.15.0", "transformers==5.23.0"),
    *("ultralytics==8.4.190", "mmengine==0.10.7", "cloudpickle==3.1.2"),
    *("pycocotools==2.0.11", "supervision==0.31.2"),
)


def torch_python() -> Path:
    """Return the interpreter; several test processes may ask at the same time.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    return python_with("torch", PACKAGES)


def torch_packages() -> Path:
    """Return the folder with PyTorch and the frameworks above it, without this project.

    Raises:
        subprocess.CalledProcessError: they cannot be installed.
    """
    return packages_with("torch", PACKAGES)
