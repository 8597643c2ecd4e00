"""Environments below ``.cache/bench``: one for this project, one for each peer.

Each is made once. What makes it up (packages, interpreter, ours: each pyproject.toml) is part
of its stamp, so a change makes it anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "bench"

# The real Kafka broker comes from the tests, and with it its client for administration.
_FOLDERS = (
    f"{ROOT}/core",
    f"{ROOT}/sidecar",
    f"{ROOT}/simulator[docker,kubernetes]",
    f"{ROOT}[fast]",
)
_OURS = (
    *(word for folder in _FOLDERS for word in ("-e", folder)),
    "confluent-kafka==2.16.1",
    "uv==0.13.9",
)
_VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


class NotInstalled(RuntimeError):
    """A peer's packages could not be installed. The text is pip's last words."""


def ours() -> Path:
    """Return the interpreter that has this project with orjson, making it if need be.

    Raises:
        NotInstalled: it cannot be made.
    """
    return environment("ours", _OURS)


def environment(name: str, packages: Sequence[str]) -> Path:
    """Return the interpreter of an environment that has these packages, making it if need be.

    Raises:
        NotInstalled: it cannot be made.
    """
    depends = [*packages, sys.version]
    if "-e" in packages:
        depends += [path.read_text("utf-8") for path in sorted(ROOT.glob("*/pyproject.toml"))]
        depends.append((ROOT / "pyproject.toml").read_text("utf-8"))
    stamp = hashlib.sha256("\n".join(depends).encode()).hexdigest()[:16]
    folder = CACHE / name
    python = folder / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / stamp).exists():
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            if packages:
                pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
                _run([*pip, *packages])
            (folder / stamp).touch()
    return python


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages that an environment has."""
    if not packages:
        return {}
    names = [re.split(r"[\[<>=!~ ]", package)[0] for package in packages]
    done = subprocess.run(
        [python, "-c", _VERSIONS, *names], check=True, stdout=subprocess.PIPE, cwd=CACHE
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        words = (errors or lines or [f"exit status {done.returncode}"])[-1]
        # It is written into RESULTS.md, where nobody's registry belongs.
        raise NotInstalled(re.sub(r"https?://\S+|host='[^']*'", "…", words))
