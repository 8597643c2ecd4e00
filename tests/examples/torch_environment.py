"""An interpreter with the real PyTorch and this project, made once below ``.cache/``."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.support import distributions

PACKAGES = (
    *("torch==2.13.0", "numpy>=2.2,<3", "pillow>=11", "orjson>=3.10"),
    *("lightning>=2.6,<3", "accelerate>=1.10,<2"),
)
CACHE = distributions.ROOT / ".cache"


def torch_python() -> Path:
    """Return the interpreter; several test processes may ask at the same time.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    depends = distributions.made_from() + sys.version + repr(PACKAGES)
    stamp = hashlib.sha256(depends.encode()).hexdigest()[:16]
    folder = CACHE / "torch-venv"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "torch-venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / stamp).exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            pip = [folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, *PACKAGES, *distributions.EDITABLE], check=True)
            (folder / stamp).touch()
    return folder / "bin" / "python"
