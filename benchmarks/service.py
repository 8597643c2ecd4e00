"""Starts the real service for a benchmark."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_app(source: str, protocol: str, port: int, **environment: str) -> Iterator[None]:
    """Run ``python3 -u app.py`` until the block ends; the block begins at READY.

    Args:
        source: of ``app.py``.
        protocol: ``http`` or ``tcp``.
        port: to listen on.
        environment: further variables.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(source)
        process = subprocess.Popen(
            [sys.executable, "-u", "app.py"],
            cwd=folder,
            env={
                **os.environ,
                "PORT": str(port),
                "protocol": protocol,
                "DUBHE_TEMPORARY": str(Path(folder, "temporary")),
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            journal = Path(folder, "temporary", "journal", f"{0:020d}.jsonl")
            while not (journal.exists() and b"READY" in journal.read_bytes()):
                if process.poll() is not None:
                    raise SystemExit(f"the app exited with status {process.returncode}")
                time.sleep(0.005)
            yield
        finally:
            process.terminate()
            process.wait()
