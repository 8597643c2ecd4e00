"""Attempts to leave a machine without a network are counted, and nothing else is."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.no_network import attempts, without_network

pytestmark = pytest.mark.needs("root", "unshare", "ip")

PROGRAM = """
import contextlib, socket

for kind, target in {tries}:
    with contextlib.suppress(OSError), socket.socket(*kind) as one:
        one.connect(target)
        one.send(b"x")
"""
TCP = (int(socket.AF_INET), int(socket.SOCK_STREAM))
TCP6 = (int(socket.AF_INET6), int(socket.SOCK_STREAM))
UDP = (int(socket.AF_INET), int(socket.SOCK_DGRAM))


def tried(folder: Path, *tries: object) -> int:
    command = [sys.executable, "-c", PROGRAM.format(tries=list(tries))]
    counts = folder / "counts"
    subprocess.run([*without_network(counts), *command], check=True)
    return attempts(counts)


def test_each_way_out_is_counted(tmp_path: Path) -> None:
    assert tried(tmp_path, (TCP, ("192.0.2.1", 80))) > 0
    assert tried(tmp_path, (UDP, ("192.0.2.1", 53))) > 0
    assert tried(tmp_path, (TCP6, ("2001:db8::1", 80))) > 0
    assert tried(tmp_path, (UDP, ("127.0.0.53", 53))) > 0, "a resolver of this machine"


def test_a_name_is_counted(tmp_path: Path) -> None:
    code = "import socket\ntry: socket.getaddrinfo('example.org', 80)\nexcept OSError: pass"
    counts = tmp_path / "counts"
    subprocess.run([*without_network(counts), sys.executable, "-c", code], check=True)
    assert attempts(counts) > 0


def test_loopback_is_there_and_not_counted(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "with socket.create_connection(server.getsockname()) as one:\n"
        "    server.accept()[0].send(b'x')\n"
        "    assert one.recv(1) == b'x'\n"
    )
    counts = tmp_path / "counts"
    subprocess.run([*without_network(counts), sys.executable, "-c", code], check=True)
    assert attempts(counts) == 0


def test_the_status_is_that_of_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [*without_network(tmp_path / "counts"), "sh", "-c", "exit 7"], check=False
    )
    assert done.returncode == 7
