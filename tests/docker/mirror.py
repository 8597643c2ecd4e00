"""A package index on loopback, as companies without internet have one: `PackageMirror`.

Wheels are fetched once by the host's own pip; builds with host networking then install from here,
so that no authority or credential of the host gets anywhere near an image.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from tests.docker import engine
from tests.docker.images import PYTHON_VERSION, making


class PackageMirror:
    """Serves wheels under ``/simple/NAME/`` (PEP 503). Use it as a context manager.

    Args:
        requirements: what to serve, with all that it requires, as lines for pip; ``-rFILE`` too.
    """

    def __init__(self, *requirements: str) -> None:
        self._folder = _fetched(requirements)

    def __enter__(self) -> PackageMirror:
        handler = functools.partial(_Handler, directory=str(self._folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """For pip's ``--index-url``; pip trusts loopback without TLS."""
        return f"http://127.0.0.1:{self._server.server_port}/simple/"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def _fetched(requirements: tuple[str, ...]) -> Path:
    wanted = "\n".join((PYTHON_VERSION, *requirements))
    for line in requirements:
        if line.startswith("-r"):  # a file: what it says, not how it is called
            wanted += Path(line[2:]).read_text()
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    folder = engine.CACHE / f"mirror-{digest}"
    with making(folder.name):
        if not (folder / ".complete").exists():
            wheels = folder / "wheels"
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"),
                    *("--python-version", PYTHON_VERSION, "--platform", "manylinux_2_28_x86_64"),
                    *("--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"),
                    *("--dest", str(wheels), *requirements),
                ],
                capture_output=True,
                text=True,
                timeout=engine.BUILD_TIMEOUT_S,
                check=False,
            )
            if done.returncode != 0:
                raise engine.EngineError(f"pip could not fetch {requirements}:\n{done.stderr}")
            _lay_out(folder, wheels)
            (folder / ".complete").touch()
    return folder


def _lay_out(folder: Path, wheels: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        place = folder / "simple" / name
        place.mkdir(parents=True, exist_ok=True)
        wheel.rename(place / wheel.name)
