"""An interpreter with MMDetection, MMSegmentation, MMPretrain, PyTorch and this project."""

from __future__ import annotations

from pathlib import Path

from tests.examples import torch_environment
from tests.integrations.environments import python_with

PACKAGES = (
    *("mmcv-lite==2.1.0", "mmdet==3.3.0", "mmsegmentation==1.2.2", "mmpretrain==1.2.0"),
    *("ftfy==6.3.1", "regex"),
)


def openmmlab_python() -> Path:
    """Return the interpreter; several test processes may ask at the same time.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    return python_with("torch", torch_environment.PACKAGES, openmmlab=PACKAGES)
