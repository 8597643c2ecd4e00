"""A host as a process, and what a platform sees of its instances."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import CannotStart, TaskFailed
from dubhe_simulator.hosts.remote import RemoteInstance, handshake, wait_for_host
from tests.dubhe_simulator.fake import processes_with, wait_until
from tests.support.ports import reserved_port

APP = """
import os, signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("up", os.environ["INSTANCE_ID"], os.environ.get("model_path"), flush=True)
{then}
"""
WAIT = "threading.Event().wait()"


class RunningHost:
    """A host with an algorithm whose console is a file."""

    def __init__(self, folder: Path, port: int, then: str) -> None:
        self.address = ("127.0.0.1", port)
        self.mark = uuid.uuid4().hex
        self.console = folder / "console"
        (folder / "app.py").write_text(APP.format(then=then))
        command = [sys.executable, "-m", "dubhe_simulator.commands.host", "--port", str(port)]
        with self.console.open("w") as console:
            self.process = subprocess.Popen(
                [*command, "--", sys.executable, "app.py", self.mark],
                cwd=folder,
                stdout=console,
                stderr=console,
                env={**os.environ, "DUBHE_TEMPORARY": str(folder / "temporary")},
            )

    def said(self, word: str) -> bool:
        return word in self.console.read_text()

    def instance(self, name: str = "a-b-train-1", **environment: str) -> RemoteInstance:
        return RemoteInstance(self.address, TaskKind.TRAIN, name, environment)


@pytest.fixture
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunningHost]:
    with reserved_port() as port:
        running = RunningHost(tmp_path, port, getattr(request, "param", WAIT))
        try:
            assert wait_for_host(running.address, 20) == "tcp"
            yield running
        finally:
            running.process.terminate()
            running.process.wait(20)


def test_an_instance_runs_until_the_platform_stops_it(host: RunningHost) -> None:
    with host.instance(model_path="m.pkl") as instance:
        assert (instance.protocol, instance.address) == ("tcp", ("127.0.0.1", 8030))
        wait_until(lambda: host.said("up a-b-train-1 m.pkl"))
        assert instance.ended() is None
        exit_info = instance.stop()
        assert (exit_info.status, exit_info.killed) == (5, False)
    with host.instance() as second:  # the host stays
        wait_until(lambda: host.said("up a-b-train-1 None"))
        second.stop()


@pytest.mark.parametrize("host", ["sys.exit(3)", "os.kill(os.getpid(), 9)"], indirect=True)
def test_an_instance_that_ends_is_reported(host: RunningHost) -> None:
    with host.instance() as instance:
        wait_until(instance.ended)
        exit_info = instance.ended()
    assert exit_info is not None
    assert exit_info.status in (3, 137)
    assert instance.reported_count() is None  # no spool: it does not use the SDK


def test_an_instance_does_not_outlive_its_platform(host: RunningHost) -> None:
    wire, _ = handshake(host.address)
    wire.send({"environment": {"INSTANCE_ID": "a-b-train-1"}})
    wait_until(lambda: host.said("up"))
    wire.close()  # as a killed process does
    wait_until(lambda: host.said("ended with status 5"))


def test_another_platform_waits_for_its_turn(host: RunningHost) -> None:
    with host.instance():
        wait_until(lambda: host.said("up"))
        waiting = socket.create_connection(host.address, 5)
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
    waiting.settimeout(20)
    assert json.loads(waiting.makefile().readline()) == {"protocol": "tcp", "port": 8030}
    waiting.close()


def test_nothing_but_the_platforms_variables_may_be_set(host: RunningHost) -> None:
    with (
        pytest.raises(TaskFailed, match="sets LD_PRELOAD; only BOOTSTRAP_SERVERS"),
        host.instance(LD_PRELOAD="x") as instance,
    ):
        wait_until(instance.ended)
    assert not host.said("up")


@pytest.mark.parametrize("name", ["", "..", "../elsewhere", "/elsewhere"])
def test_an_instance_s_folder_lies_below_the_host_s(
    host: RunningHost, name: str, tmp_path: Path
) -> None:
    with pytest.raises(TaskFailed, match="a name without a slash"), host.instance(name) as instance:
        wait_until(instance.ended)
    with host.instance("a-b-train-2"):
        wait_until(lambda: host.said("up a-b-train-2"))
        folder = tmp_path / "temporary" / "a-b-train-2"
        assert (folder / "spool").readlink() == Path("../spool")
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == ["a-b-train-2"]


def test_a_busy_host_is_told(host: RunningHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dubhe_simulator.hosts.remote.CONNECT_TIMEOUT_S", 0.3)
    with host.instance():
        wait_until(lambda: host.said("up"))
        with pytest.raises(TaskFailed, match="busy with another instance"), host.instance("other"):
            pass


def test_sigterm_ends_instance_and_host_in_order(host: RunningHost) -> None:
    with host.instance() as instance:
        wait_until(lambda: host.said("up"))
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(20) == 0
        wait_until(instance.ended)
        exit_info = instance.ended()
    assert exit_info is not None and exit_info.status == 5
    assert not processes_with(host.mark)


def test_a_host_that_dies_is_told(host: RunningHost) -> None:
    with host.instance() as instance:
        wait_until(lambda: host.said("up"))
        host.process.kill()
        with pytest.raises(TaskFailed, match="without a report"):
            wait_until(instance.ended)
    for pid in processes_with(host.mark):  # a container takes it along
        os.kill(pid, signal.SIGKILL)


def test_nobody_there_is_told() -> None:
    with (
        reserved_port() as port,
        pytest.raises(CannotStart, match="COMPOSE_PROFILES=train"),
    ):
        wait_for_host(("127.0.0.1", port), 0)
