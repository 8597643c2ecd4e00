"""How web processes start and end."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from dubhe_sdk.contract.framing import pack
from dubhe_sdk.process import tree
from dubhe_sdk.service.web.options import read_web_options
from tests.dubhe_sdk.service.web.conftest import Start
from tests.dubhe_sdk.service.web.support import (
    INSTANCE,
    HttpClient,
    TcpClient,
    Web,
    inference_request,
)
from tests.dubhe_sdk.service.web.test_client import heartbeat, request_bytes
from tests.support.waiting import wait_for

PROTOCOLS = ("http", "tcp")
REQUEST = json.dumps(inference_request()).encode()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def await_end(pids: list[int], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while living := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {living}"
        time.sleep(0.01)


def send_inference(web: Web, protocol: str) -> HttpClient | TcpClient:
    """Send a request without waiting for its reply."""
    if protocol == "tcp":
        client = TcpClient(web)
        client.sock.sendall(pack(REQUEST))
        return client
    http = HttpClient(web)
    http._connection.request("POST", "/predict/multiple", REQUEST)
    return http


def reply_of(client: HttpClient | TcpClient) -> object:
    return client.reply()[1] if isinstance(client, HttpClient) else client.reply()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_end_of_the_control_socket_ends_the_process(start: Start, protocol: str) -> None:
    web = start(protocol)
    pids = web.pids()
    web.model.answer = lambda request: b"+0" if threading.Event().wait(5) else b"+1"
    send_inference(web, protocol)
    web.model.wait_running(1)
    web.close_control()
    await_end(pids)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sigterm_lets_a_running_request_end(start: Start, protocol: str) -> None:
    web = start(protocol)
    go_on = threading.Event()
    web.model.answer = lambda request: b"+[7]" if go_on.wait(10) else b"+0"
    idle = web.connect()
    client = send_inference(web, protocol)
    web.model.wait_running(1)
    pids = web.pids()
    web.process.send_signal(signal.SIGTERM)
    assert idle.recv(1) == b""  # so it has begun to stop
    began = time.monotonic()
    go_on.set()
    reply = reply_of(client)
    assert reply == {"flag": 1, "message": "model inference success", "data": [7]}
    assert web.process.wait(60) == 0
    # The client keeps its connection open, and that is not waited for.
    assert time.monotonic() - began < read_web_options({}).stop_timeout_seconds
    await_end(pids)
    assert web.stderr.decode() == ""


@pytest.mark.parametrize(
    ("protocol", "header"),
    [("tcp", b""), ("http", b""), ("http", b"Expect: 100-continue\r\n")],
    ids=["tcp", "http", "by gunicorn"],
)
def test_sigterm_lets_a_request_arrive_that_has_begun_to(
    start: Start, protocol: str, header: bytes
) -> None:
    web = start(protocol)
    idle = web.connect()
    request = request_bytes(protocol, "a.png").replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n")
    with web.connect() as sock:
        sock.sendall(request[:-10])
        heartbeat(web, protocol)  # is answered behind it
        web.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # so it has begun to stop
        sock.sendall(request[-10:])
        received = b""
        while piece := sock.recv(65536):
            received += piece
    assert b'"flag":1' in received
    assert web.process.wait(60) == 0
    idle.close()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sigterm_waits_a_bounded_time(start: Start, protocol: str) -> None:
    web = start(protocol)
    hang = threading.Event()
    web.model.answer = lambda request: b"+[]" if hang.wait(120) else b"+0"
    send_inference(web, protocol)
    web.model.wait_running(1)
    web.process.send_signal(signal.SIGTERM)
    web.process.wait(60)
    hang.set()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_idle_connections_do_not_delay_the_end(start: Start, protocol: str) -> None:
    web = start(protocol)
    idle = [web.connect() for _ in range(20)]
    began = time.monotonic()
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(60) == 0
    assert time.monotonic() - began < read_web_options({}).stop_timeout_seconds
    for sock in idle:
        sock.close()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_is_one_process_and_sends_keepalives(start: Start, protocol: str) -> None:
    web = start(protocol)
    assert tree.descendants(web.process.pid) == []
    wait_for(lambda: web.alive >= 2, "signs of life")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_memory(start: Start, protocol: str) -> None:
    web = start(protocol)
    send = HttpClient(web).json if protocol == "http" else None
    for _ in range(20):
        if send is not None:
            send("/predict/multiple", inference_request())
        else:
            TcpClient(web).json({"req_type": 0, "instance_id": INSTANCE})
    resident = sum(rss(pid) for pid in web.pids())
    assert resident < 45_000_000, f"{resident / 1e6:.1f} MB"


def rss(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
