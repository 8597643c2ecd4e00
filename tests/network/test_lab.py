"""The network of our own: what tests of faults take for granted."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.network.lab import HERE, Lab
from tests.network.wire import Rule
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root", "ip")

ECHO = """
import socket, sys, threading
server = socket.create_server((sys.argv[1], 9), backlog=50)
print("up", flush=True)
def serve(sock):
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(["far"]) as one:
        command = [*one["far"].prefix, sys.executable, "-c", ECHO, one["far"].address]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as echo:
            try:
                assert echo.stdout is not None
                assert echo.stdout.readline() == b"up\n"
                yield one
            finally:
                echo.kill()


@pytest.fixture
def line(lab: Lab) -> Iterator[socket.socket]:
    with socket.create_connection((lab["far"].address, 9), 10) as sock:
        yield sock
    lab.heal()


def echoed(line: socket.socket, data: bytes = b"x") -> float:
    """Send, await the echo; return the seconds it took."""
    begun = time.monotonic()
    line.sendall(data)
    left = len(data)
    while left:
        got = line.recv(left)
        assert got
        left -= len(got)
    return time.monotonic() - begun


def sent_again(line: socket.socket) -> int:
    """Return how many segments the kernel has sent again: tcpi_total_retrans of tcp(7)."""
    info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    (count,) = struct.unpack_from("I", info, 100)
    return int(count)


def test_passes_on(line: socket.socket) -> None:
    echoed(line, b"x" * 200_000)


def test_delays(lab: Lab, line: socket.socket) -> None:
    lab.rule(HERE, "far", Rule(delay_s=0.2, jitter_s=0.1))
    assert echoed(line) > 0.4


def test_loses_and_the_kernel_sends_again(lab: Lab, line: socket.socket) -> None:
    lab.rule(HERE, "far", Rule(loss=0.2))
    echoed(line, b"x" * 20_000)
    assert sent_again(line) > 0
    lab.rule(HERE, "far", Rule(loss=1.0))
    line.settimeout(0.5)
    with pytest.raises(TimeoutError):
        echoed(line)
    lab.heal()
    line.settimeout(20)
    assert line.recv(1) == b"x"  # sent again by the kernel


def test_resets(lab: Lab, line: socket.socket) -> None:
    lab.rule(HERE, "far", Rule(reset=True))
    with pytest.raises(ConnectionResetError):
        echoed(line)
    with pytest.raises(ConnectionRefusedError):  # what a reset means to who connects
        socket.create_connection((lab["far"].address, 9), 10)
    lab.heal()
    with socket.create_connection((lab["far"].address, 9), 10) as fresh:
        echoed(fresh)


def test_leaves_nothing_behind() -> None:
    with Lab(["far"]) as lab:
        device = lab[HERE].device
        assert device in dict(socket.if_nameindex()).values()
        prefix = lab["far"].prefix
    wait_for(lambda: device not in dict(socket.if_nameindex()).values(), "the end of the device")
    assert subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0
