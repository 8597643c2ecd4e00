"""The four distributions of this repository: their wheels, and editable installations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Folders in the order in which one requires the other.
FOLDERS = {
    "dubhe-core": ROOT / "core",
    "dubhe-runtime": ROOT / "sidecar",
    "dubhe-simulator": ROOT / "simulator",
    "dubhe-sdk": ROOT,
}
EDITABLE = tuple(word for folder in FOLDERS.values() for word in ("-e", str(folder)))
"""What makes pip install this checkout."""


def made_from() -> str:
    """Return what an editable installation is made from, for a stamp."""
    files = [folder / "pyproject.toml" for folder in FOLDERS.values()]
    files += [ROOT / "hatch_build.py", ROOT / "dubhe_sdk" / "version.py"]
    files += [ROOT / "core" / "hatch_accelerator.py", *ROOT.glob("dubhe_sdk/spool/*.c")]
    return "".join(path.read_text("utf-8") for path in files)


def build_wheels(folder: Path) -> dict[str, Path]:
    """Build the wheels of all four into a folder; return them by the distributions' names."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            *FOLDERS.values(),
        ],
        check=True,
        timeout=300,
    )
    return {name: next(folder.glob(f"{name.replace('-', '_')}-*.whl")) for name in FOLDERS}
