"""TCP against a real web process."""

from __future__ import annotations

import json
import select
import signal
import socket
import struct
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from dubhe_sdk.contract.framing import pack
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.service.state import Phase, ServiceState
from tests.dubhe_sdk.service.web.conftest import Start
from tests.dubhe_sdk.service.web.http.test_routes import many_idle
from tests.dubhe_sdk.service.web.support import (
    INSTANCE,
    LIMIT,
    READY,
    TcpClient,
    Web,
    data_segments,
    inference_request,
    refusal,
)
from tests.support.waiting import wait_for

ONLINE = {"flag": 1, "message": "service online"}
HEARTBEAT = {"req_type": 0, "instance_id": INSTANCE}


def test_heartbeat(tcp: Web) -> None:
    assert TcpClient(tcp).json(HEARTBEAT) == ONLINE


@pytest.mark.parametrize("number", ["7", 7, 10**30])
def test_inference_echoes_request_number(tcp: Web, number: Any) -> None:
    reply = TcpClient(tcp).json(inference_request(request_number=number))
    assert reply == {
        "flag": 1,
        "message": "model inference success",
        "data": [],
        "request_number": number,
    }
    assert type(reply["request_number"]) is type(number)


def test_refused_inference_echoes_request_number(tcp: Web) -> None:
    tcp.model.answer = lambda request: b'-{"type": "KeyError", "text": "\'x\'"}'
    reply = TcpClient(tcp).json(inference_request(request_number=3))
    assert reply == {
        "flag": 2,
        "message": "exception occurs: KeyError: 'x'",
        "request_number": 3,
    }


@pytest.mark.parametrize(
    ("type_", "kind", "message"),
    [
        (1, TaskKind.TRAIN, "model train starting now"),
        (2, TaskKind.EVALUATE, "model predict starting now"),
    ],
)
def test_start(tcp: Web, type_: int, kind: TaskKind, message: str) -> None:
    tcp.push(ServiceState(Phase.READY, INSTANCE, kind, platform_mode=True))
    client = TcpClient(tcp)
    request = {"req_type": type_, "instance_id": INSTANCE, "data_paths": []}
    assert client.json(request) == {"flag": 1, "message": message}
    assert tcp.started[-1] == {"type": type_, "request": request}
    tcp.start_reply = "busy"
    assert "another task" in refusal(client.json(request))


def test_refusals_keep_the_connection(tcp: Web) -> None:
    client = TcpClient(tcp)
    rows = [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "request is not a dict"),
        (b"{}", "req_type error"),
        (b'{"req_type": 8}', "req_type error"),
        (b'{"req_type": 0, "instance_id": "x"}', "different from ENV"),
        (b'{"req_type": 3}', "instance_id is missing"),
        (json.dumps(inference_request(image_names={})).encode(), "image_names is {}"),
    ]
    for body, expected in rows:
        assert expected in refusal(client.send(body))
    assert client.json(json.dumps(HEARTBEAT)) == ONLINE  # a string that contains the object


def test_several_frames_in_one_segment_are_answered_in_order(tcp: Web) -> None:
    client = TcpClient(tcp)
    frames = [pack(json.dumps(inference_request(request_number=n)).encode()) for n in range(20)]
    client.sock.sendall(b"".join(frames))
    assert [client.reply()["request_number"] for _ in range(20)] == list(range(20))


def test_a_frame_in_many_segments(tcp: Web) -> None:
    client = TcpClient(tcp)
    for byte in pack(json.dumps(HEARTBEAT).encode()):
        client.sock.sendall(bytes([byte]))
    assert client.reply() == ONLINE


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, LIMIT + 1])
def test_a_frame_too_large_is_refused_and_the_connection_closed(tcp: Web, length: int) -> None:
    client = TcpClient(tcp)
    client.sock.sendall(struct.pack(">I", length) + b"x" * 300_000)
    message = refusal(client.reply())
    assert str(length) in message and str(LIMIT) in message
    client.sock.shutdown(socket.SHUT_WR)
    assert client.is_closed()


def test_a_frame_of_the_limit_is_taken(tcp: Web) -> None:
    body = json.dumps(HEARTBEAT).encode()
    assert TcpClient(tcp).send(body + b" " * (LIMIT - len(body))) == ONLINE


@pytest.mark.parametrize("part", [b"\0", b"\0\0\0\x09", b"\0\0\0\x09{"])
def test_hanging_up_in_a_frame_closes_quietly(start: Start, tcp: Web, part: bytes) -> None:
    client = TcpClient(tcp)
    client.sock.sendall(part)
    client.sock.shutdown(socket.SHUT_WR)
    assert client.is_closed()
    assert TcpClient(tcp).json(HEARTBEAT) == ONLINE
    assert tcp.stderr == b""


def test_a_slow_frame_is_closed_and_an_idle_connection_is_not(start: Start) -> None:
    timeout = 0.3
    web = start("tcp", env={"DUBHE_TRANSFER_TIMEOUT_SECONDS": str(timeout)})
    idle, slow, slow_second = TcpClient(web), TcpClient(web), TcpClient(web)
    began = time.monotonic()
    slow.sock.sendall(b"\0\0\0\x09{")
    slow_second.sock.sendall(pack(json.dumps(HEARTBEAT).encode()) + b"\0")
    assert slow_second.reply() == ONLINE
    assert slow.is_closed() and slow_second.is_closed()
    assert time.monotonic() - began > 0.6 * timeout
    assert idle.json(HEARTBEAT) == ONLINE


def test_replies_nobody_takes_do_not_hold_the_connection(start: Start) -> None:
    web = start("tcp", env={"DUBHE_TRANSFER_TIMEOUT_SECONDS": "0.3"})
    web.model.answer = lambda request: b'+"' + b"x" * 20_000_000 + b'"'
    client = TcpClient(web)
    client.sock.sendall(pack(json.dumps(inference_request()).encode()))
    web.model.wait_served(1)
    wait_for(lambda: web.connections() == 0, "the end of the connection")
    assert client.is_closed()
    assert TcpClient(web).json(HEARTBEAT) == ONLINE


def test_no_small_packet_delay(tcp: Web) -> None:
    """Nagle's algorithm holds back what follows a segment; a reply in one segment it cannot."""
    client = TcpClient(tcp)
    before = data_segments(client.sock)
    for number in range(50):
        client.json(inference_request(request_number=number))
    assert data_segments(client.sock) - before == 50


def test_many_idle_connections_do_not_keep_a_heartbeat_away(start: Start) -> None:
    web = start("tcp")
    with many_idle(web, 5000):
        assert TcpClient(web).json(HEARTBEAT) == ONLINE


def test_beyond_the_limit_the_longest_idle_is_closed(start: Start) -> None:
    web = start("tcp", env={"DUBHE_MAX_CONNECTIONS": "3"})
    working = threading.Event()
    web.model.answer = lambda request: b"+[]" if working.wait(10) else b"+0"
    clients = [TcpClient(web) for _ in range(3)]
    for client in clients:
        assert client.json(HEARTBEAT) == ONLINE
    clients[0].sock.sendall(pack(json.dumps(inference_request()).encode()))
    web.model.wait_running(1)
    assert TcpClient(web).json(HEARTBEAT) == ONLINE
    assert clients[1].is_closed()  # the first is older, but works
    working.set()
    assert clients[0].reply()["flag"] == 1
    assert clients[2].json(HEARTBEAT) == ONLINE
    assert web.stderr.decode() == ""


def test_the_model_dies_in_a_request_and_comes_back(tcp: Web) -> None:
    def die(request: object) -> bytes:
        tcp.model.die()
        raise ConnectionResetError

    client = TcpClient(tcp)
    assert client.json(inference_request())["flag"] == 1
    tcp.model.answer = die
    served = tcp.model.served
    assert "model failed: the model process died" in refusal(client.json(inference_request()))
    assert tcp.model.served == served + 1  # it was not tried again
    assert "cannot be reached" in refusal(client.json(inference_request()))
    tcp.model.answer = lambda request: b"+[]"
    tcp.model.listen()
    assert client.json(inference_request())["flag"] == 1


def test_a_model_restarted_between_requests_fails_none(tcp: Web) -> None:
    client = TcpClient(tcp)
    assert client.json(inference_request())["flag"] == 1
    tcp.model.die()
    tcp.model.listen()
    assert client.json(inference_request())["flag"] == 1


def test_concurrency_is_bounded_and_all_are_served(start: Start) -> None:
    web = start("tcp", concurrency=3, queue=40)
    never = threading.Event()
    web.model.answer = lambda request: b"+0" if never.wait(0.005) else b"+[]"
    clients = [TcpClient(web) for _ in range(20)]
    replies: list[int] = []

    def work(client: TcpClient) -> None:
        replies.extend(client.json(inference_request())["flag"] for _ in range(5))

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [1] * 100
    assert web.model.most_running == 3


STOPPING = "service is stopping and takes no new requests"


def test_who_goes_on_asking_while_it_ends_gets_a_reply_to_each_request(start: Start) -> None:
    web = start("tcp")
    asking, silent = TcpClient(web), TcpClient(web)
    web.push(replace(READY, phase=Phase.DRAINING))
    web.process.send_signal(signal.SIGTERM)
    while not select.select([silent.sock], [], [], 0)[0]:
        assert asking.json(inference_request())["flag"] == 1
    assert silent.is_closed()
    assert asking.json(inference_request())["flag"] == 1
    web.push(replace(READY, phase=Phase.STOPPING))
    while (reply := asking.json(inference_request()))["flag"] == 1:
        pass
    assert refusal(reply) == STOPPING
    assert asking.is_closed()
    assert web.process.wait(60) == 0


def test_what_has_come_together_is_answered_though_it_ends(start: Start) -> None:
    web = start("tcp")
    go_on = threading.Event()
    web.model.answer = lambda request: b"+[]" if go_on.wait(10) else b"+0"
    client, idle = TcpClient(web), TcpClient(web)
    client.sock.sendall(3 * pack(json.dumps(inference_request()).encode()))
    web.model.wait_running(1)
    web.push(replace(READY, phase=Phase.STOPPING))
    web.process.send_signal(signal.SIGTERM)
    assert idle.is_closed()  # so it has begun to stop
    go_on.set()
    replies = [client.reply() for _ in range(3)]
    assert replies[0]["flag"] == 1
    assert [refusal(reply) for reply in replies[1:]] == [STOPPING] * 2
    assert client.is_closed()
