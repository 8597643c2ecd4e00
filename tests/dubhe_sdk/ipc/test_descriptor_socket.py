"""`DescriptorSocket`: bytes and descriptors."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_sdk.ipc.descriptor_socket import DescriptorSocket, ancillary
from tests.support.processes import state_of
from tests.support.waiting import wait_for


def test_descriptors_come_in_their_order_whatever_else_is_received() -> None:
    sender, receiver = socket.socketpair()
    pipes = [os.pipe() for _ in range(3)]
    with sender, receiver:
        sock = DescriptorSocket(receiver)
        sender.sendall(b"first")
        sender.sendmsg([b"a"], ancillary([pipes[0][1], pipes[1][1]]))
        sender.sendmsg([b"b"], ancillary([pipes[2][1]]))
        received = b""
        while len(received) < 7:
            received += sock.recv(100)
        assert received == b"firstab"
        for number, (reading, _) in enumerate(pipes[:2]):
            descriptor = sock.take()
            assert not os.get_inheritable(descriptor)
            os.write(descriptor, b"%d" % number)
            assert os.read(reading, 10) == b"%d" % number
            os.close(descriptor)
        for _, writing in pipes:
            os.close(writing)
        sock.close_descriptors()
        assert os.read(pipes[2][0], 10) == b""  # nobody holds its other end any more
        with pytest.raises(IndexError):
            sock.take()
    for reading, _ in pipes:
        os.close(reading)


def test_where_open_files_are_used_up_none_is_taken_for_another() -> None:
    sender, receiver = socket.socketpair()
    with sender, receiver, Path(os.devnull).open() as first, Path(os.devnull).open() as second:
        sock = DescriptorSocket(receiver)
        sender.sendmsg([b"a"], ancillary([first.fileno(), second.fileno()]))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = os.dup(second.fileno())
        os.close(spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, hard))  # room for one of them
        try:
            assert sock.recv(100) == b"a"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with pytest.raises(OSError, match="open files"):
            sock.take()
        sock.close_descriptors()
        sender.sendmsg([b"b"], ancillary([first.fileno()]))
        assert sock.recv(100) == b"b"
        os.close(sock.take())
        assert os.dup(second.fileno()) == spare  # nothing was left open
        os.close(spare)


ECHO = """
import socket, sys
from dubhe_sdk.ipc.descriptor_socket import DescriptorSocket
sock = DescriptorSocket(socket.socket(fileno=int(sys.argv[1])))
while data := sock.recv(100):
    sock.sendall(data)
"""
ROUNDS = 50


def waits_of(pid: int) -> int:
    """Return how often a process has gone to sleep."""
    status = Path("/proc", str(pid), "status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_it_is_not_woken_when_the_other_end_reads() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            number = theirs.fileno()
            child = subprocess.Popen([sys.executable, "-c", ECHO, str(number)], pass_fds=[number])
        try:
            ours.sendall(b"first")
            assert ours.recv(100) == b"first"
            before = 0
            for turn in range(ROUNDS + 1):
                ours.sendall(b"a")
                assert ours.recv(100, socket.MSG_PEEK) == b"a"
                wait_for(lambda: state_of(child.pid) == "S", "the child's next wait")
                if turn == 0:
                    before = waits_of(child.pid)
                assert ours.recv(100) == b"a"
            assert waits_of(child.pid) - before < 1.4 * ROUNDS
        finally:
            child.kill()
            child.wait()
