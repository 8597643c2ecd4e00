"""Starts a server and the load, and asks the load what it saw."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.processes import ContestantFailed, environ, running, spawn, stop, where
from benchmarks.serving.contestants import INSTANCE, PROBE, Server
from benchmarks.serving.reply import framed_end, http_end
from tests.kafka.broker import free_ports

_START_SECONDS = 60.0


@contextlib.contextmanager
def serving(server: Server, python: Path, folder: Path) -> Iterator[int]:
    """Run a server until the block ends; the block begins when it has answered an inference.

    Yields:
        Its port.

    Raises:
        ContestantFailed: it ended or did not answer in a minute.
    """
    port, other = free_ports(2)
    log = f"serving-{server.name}"
    folder.mkdir(parents=True, exist_ok=True)
    more = {"BENCH_FOLDER": str(folder), "PYTHONPATH": str(ROOT)}
    cwd = ROOT
    if server.is_ours:
        app = Path(__file__).parent / "servers" / f"{server.module}.py"
        command = [str(python), "-u", str(app)]
        more |= {"PORT": str(port), "INSTANCE_ID": INSTANCE, "DUBHE_TEMPORARY": str(folder)}
        more |= server.environ
        cwd = folder
    else:
        module = f"benchmarks.serving.servers.{server.module}"
        command = [str(python), "-m", module, str(port), str(other)]
    with running(command, log, environ(**more), cwd) as process:
        _await(server, port, process, log)
        yield port


@dataclass(frozen=True)
class Seen:
    """What the clients of one load saw."""

    rate: float
    """Good replies a second."""
    p50: float | None
    p99: float | None
    longest: float | None
    """Seconds; None if no good reply came."""
    failed: int
    core: float
    """How much of a core the generator took."""


def load(
    server: Server,
    port: int,
    what: str,
    clients: int,
    seconds: float,
    warm: float,
) -> tuple[Seen, Seen]:
    """Let clients load a server while another one asks for heartbeats.

    Returns:
        What the clients saw, and what the heartbeats did.
    """
    common = {"port": port, "http": server.http, "seconds": seconds, "warm": warm}
    main = {"message": server.request(what).hex(), "good": server.good, "clients": clients}
    heartbeat = {"message": server.heartbeat().hex(), "good": "", "clients": 1, "pause": 0.01}
    heartbeats = _start({**common, **heartbeat})
    try:
        busy = _start({**common, **main, "pause": 0})
        try:
            return _end(busy, seconds), _end(heartbeats, seconds)
        finally:
            stop(busy)
    finally:
        stop(heartbeats)


@contextlib.contextmanager
def keeping_a_core_busy() -> Iterator[None]:
    """Let a process compute until the block ends."""
    from benchmarks import environments

    process = spawn([environments.ours(), "-c", "while True: pass"], "serving-busy")
    try:
        yield
    finally:
        stop(process)


def _start(request: dict[str, Any]) -> subprocess.Popen[bytes]:
    from benchmarks import environments

    command = [environments.ours(), "-m", "benchmarks.serving.load"]
    process = spawn(command, "serving-load", piped=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(request).encode())
    process.stdin.close()
    process.stdin = None
    return process


def _end(process: subprocess.Popen[bytes], seconds: float) -> Seen:
    try:
        out, _ = process.communicate(timeout=seconds + 60)
    except subprocess.TimeoutExpired:
        raise ContestantFailed("the load did not come to an end") from None
    if process.returncode != 0:
        raise ContestantFailed(f"the load failed; see {where('serving-load')}")
    raw = json.loads(out)
    return Seen(raw["rate"], raw["p50"], raw["p99"], raw["longest"], raw["failed"], raw["core"])


def _await(server: Server, port: int, process: subprocess.Popen[bytes], log: str) -> None:
    """Ask for an inference until a good one comes."""
    deadline = time.monotonic() + _START_SECONDS
    last = b""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ContestantFailed(f"ended with status {process.returncode}; see {where(log)}")
        with contextlib.suppress(OSError):
            last = _ask(server, port)
            if server.good.encode() in last:
                return
        time.sleep(0.02)  # another process gets ready, which cannot signal
    raise ContestantFailed(
        f"no good reply within {_START_SECONDS:.0f} s, the last: {last[-200:]!r}"
    )


def _ask(server: Server, port: int) -> bytes:
    end_of = http_end if server.http else framed_end
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(server.request(PROBE))
        data = b""
        while end_of(data) is None:
            chunk = sock.recv(65536)
            if not chunk:
                break
            data += chunk
        return data
