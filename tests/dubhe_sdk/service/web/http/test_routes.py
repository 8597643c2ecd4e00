"""HTTP against a real web process."""

from __future__ import annotations

import gzip
import json
import queue
import socket
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.service.state import Phase, ServiceState
from tests.dubhe_sdk.service.web.conftest import Start
from tests.dubhe_sdk.service.web.support import (
    INSTANCE,
    LIMIT,
    READY,
    HttpClient,
    Web,
    data_segments,
    inference_request,
    refusal,
    training,
)
from tests.support.waiting import wait_for

ONLINE = {"flag": 1, "message": "service online"}
INFERRED = {"flag": 1, "message": "model inference success", "data": []}
TRAIN = {"instance_id": INSTANCE, "data_paths": ["/data"]}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_heartbeat(http: Web, method: str) -> None:
    client = HttpClient(http)
    assert client.send("/heart", method=method) == ONLINE
    assert client.json("/heart", {"instance_id": INSTANCE}, method) == ONLINE
    assert client.status == 200
    assert client.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_inference(http: Web, method: str) -> None:
    assert HttpClient(http).json("/predict/multiple", inference_request(), method) == INFERRED


def test_a_result_is_passed_through(http: Web) -> None:
    http.model.answer = lambda request: b"+" + json.dumps([request["image_names"]] * 9000).encode()
    reply = HttpClient(http).json("/predict/multiple", inference_request())
    assert reply["data"] == [["a.jpg"]] * 9000


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/train/start", TaskKind.TRAIN, "model train starting now"),
        ("/predict/batch", TaskKind.EVALUATE, "model predict starting now"),
    ],
)
def test_start(http: Web, path: str, kind: TaskKind, message: str) -> None:
    http.push(ServiceState(Phase.READY, INSTANCE, kind, platform_mode=True))
    client = HttpClient(http)
    assert client.json(path, TRAIN) == {"flag": 1, "message": message}
    assert http.started[-1] == {"type": kind.request_type, "request": TRAIN}
    http.start_reply = "duplicate"
    assert client.json(path, TRAIN)["flag"] == 1
    http.start_reply = "busy"
    assert "another task" in refusal(client.json(path, TRAIN))
    http.start_reply = "unavailable"
    assert "not ready" in refusal(client.json(path, TRAIN))


def test_double_encoded_body(http: Web) -> None:
    body = json.dumps(json.dumps(inference_request())).encode()
    assert HttpClient(http).send("/predict/multiple", body) == INFERRED


def test_refusals_have_status_200_and_keep_the_connection(http: Web) -> None:
    client = HttpClient(http)
    rows = [
        (b"{", "not valid JSON"),
        (b"[]", "request is not a dict"),
        (json.dumps(inference_request(req_type=9)).encode(), "req_type error"),
        (json.dumps(inference_request(req_type=1)).encode(), "this route is for"),
        (json.dumps(inference_request(image_names="x")).encode(), "image_names"),
        (json.dumps(inference_request(image_names=7)).encode(), "image_names is 7, expected"),
        (json.dumps(inference_request(instance_id="x")).encode(), "different from ENV"),
    ]
    for body, expected in rows:
        assert expected in refusal(client.send("/predict/multiple", body))
        assert client.status == 200
        assert client.headers["Connection"] == "keep-alive"
    http.push(training(Phase.FAILED, "it died"))
    await_reply(http, "/train/start", "model failed: it died")


@pytest.mark.parametrize(
    ("body", "coding", "expected"),
    [
        (
            gzip.compress(b"{}", mtime=0),
            "gzip",
            "compressed (Content-Encoding: gzip); expected",
        ),
        (b"\x0b\x00\x80{}\x03", "br", "compressed (Content-Encoding: br); expected JSON as it"),
        (
            gzip.compress(b"{}", mtime=0),
            "identity",
            "the request is compressed (gzip); expected",
        ),
        (zlib.compress(b"{}"), "identity", "the request is compressed (deflate); expected JSON"),
        ('{"image_names": ["缺陷.png"]}'.encode("gbk"), "identity", "in GBK, expected UTF-8"),
    ],
    ids=["gzip", "br", "gzip without a header", "deflate without a header", "GBK"],
)
def test_bodies_in_other_codings_are_named(
    http: Web, body: bytes, coding: str, expected: str
) -> None:
    client = HttpClient(http)
    headers = {"Content-Encoding": coding}
    assert expected in refusal(client.send("/predict/multiple", body, **headers))
    plain = json.dumps(inference_request()).encode()
    assert client.send("/predict/multiple", plain, **headers) == INFERRED


def await_reply(web: Web, path: str, expected: str) -> None:
    """Wait until a pushed state has arrived."""
    client = HttpClient(web)
    deadline = time.monotonic() + 5
    while expected not in (message := client.json(path, TRAIN)["message"]):
        assert time.monotonic() < deadline, message


def test_an_exception_is_reported(http: Web) -> None:
    http.model.answer = lambda request: b'-{"type": "ValueError", "text": "bad image"}'
    reply = HttpClient(http).json("/predict/multiple", inference_request())
    assert refusal(reply) == "exception occurs: ValueError: bad image"
    http.model.answer = lambda request: b"+[]"
    assert HttpClient(http).json("/predict/multiple", inference_request()) == INFERRED


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/predict", 404),
        ("PUT", "/heart", 405),
        ("DELETE", "/train/start", 405),
        ("OPTIONS", "/heart", 405),
    ],
)
def test_unknown_routes_and_methods(http: Web, method: str, path: str, status: int) -> None:
    client = HttpClient(http)
    assert path in refusal(client.send(path, b"{}", method))
    assert client.status == status
    assert client.send("/heart") == ONLINE


def test_head(http: Web) -> None:
    with http.connect() as sock:
        sock.sendall(
            b"HEAD /heart HTTP/1.1\r\nHost: x\r\n\r\nGET /heart HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        file = sock.makefile("rb")
        assert file.readline().startswith(b"HTTP/1.1 200")
        while file.readline() != b"\r\n":
            pass
        assert file.readline().startswith(b"HTTP/1.1 200")


def test_chunked_body(http: Web) -> None:
    body = json.dumps(inference_request()).encode()
    with http.connect() as sock:
        sock.sendall(b"POST /predict/multiple HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 10):
            piece = body[start : start + 10]
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\n\r\n")
        assert json.loads(read_body(sock)) == INFERRED


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_is_refused_and_the_connection_closed(http: Web, chunked: bool) -> None:
    body = b" " * 8 * LIMIT
    with http.connect() as sock:
        if chunked:
            sock.sendall(b"POST /heart HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            sock.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        else:
            sock.sendall(b"POST /heart HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
            sock.sendall(body)
        assert f"at most {LIMIT} bytes" in refusal(json.loads(read_body(sock)))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_a_body_of_the_limit_is_taken(http: Web) -> None:
    body = json.dumps(inference_request()).encode()
    body += b" " * (LIMIT - len(body))
    assert HttpClient(http).send("/predict/multiple", body) == INFERRED
    assert "too large" in refusal(HttpClient(http).send("/predict/multiple", body + b" "))


def test_an_absurd_length_is_refused_at_once(http: Web) -> None:
    with http.connect() as sock:
        sock.sendall(b"POST /heart HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n")
        assert "99999999999999" in refusal(json.loads(read_body(sock)))


def test_a_malformed_chunk_is_refused(http: Web) -> None:
    with http.connect() as sock:
        sock.sendall(b"POST /heart HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert "malformed" in refusal(json.loads(read_body(sock)))


def test_a_client_that_hangs_up_in_its_body_does_no_harm(http: Web) -> None:
    served = http.model.served
    with http.connect() as sock:
        sock.sendall(b"POST /predict/multiple HTTP/1.1\r\nContent-Length: 500\r\n\r\n{")
    assert HttpClient(http).send("/heart") == ONLINE
    assert http.model.served == served


def test_slow_headers_and_slow_bodies_end(start: Start) -> None:
    web = start(
        "http", env={"DUBHE_TRANSFER_TIMEOUT_SECONDS": "0.3", "DUBHE_IDLE_TIMEOUT_SECONDS": "0.5"}
    )
    with web.connect() as idle, web.connect() as headers, web.connect() as body:
        headers.sendall(b"GET /heart HTT")
        body.sendall(b"POST /heart HTTP/1.1\r\nContent-Length: 9\r\n\r\n12")
        assert "not complete" in refusal(json.loads(read_body(body)))
        assert idle.recv(1) == b""
        assert headers.recv(1) == b""
    assert HttpClient(web).send("/heart") == ONLINE


def test_a_reply_nobody_takes_does_not_hold_the_connection(start: Start) -> None:
    web = start("http", env={"DUBHE_TRANSFER_TIMEOUT_SECONDS": "0.3"})
    web.model.answer = lambda request: b'+"' + b"x" * 20_000_000 + b'"'
    body = json.dumps(inference_request()).encode()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(15)
        sock.connect(("127.0.0.1", web.port))
        sock.sendall(b"POST /predict/multiple HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
        sock.sendall(body)
        web.model.wait_served(1)
        wait_for(lambda: web.connections() == 0, "the end of the connection")
        received = 0
        while chunk := sock.recv(1 << 20):
            received += len(chunk)
    assert received < 20_000_000
    assert b"Traceback" not in web.stderr


def test_replies_have_one_segment(http: Web) -> None:
    client = HttpClient(http)
    before = data_segments(client.sock)
    for _ in range(30):
        client.json("/predict/multiple", inference_request())
    assert data_segments(client.sock) - before == 30


def test_heartbeats_while_every_inference_hangs_and_overload(start: Start) -> None:
    web = start("http", concurrency=2, queue=3)
    go_on = threading.Event()
    web.model.answer = lambda request: b"+1" if go_on.wait(15) else b"+0"
    replies: queue.Queue[dict[str, Any]] = queue.Queue()

    def infer() -> None:
        replies.put(HttpClient(web).json("/predict/multiple", inference_request()))

    threads = [threading.Thread(target=infer) for _ in range(6)]
    for thread in threads:
        thread.start()
    message = refusal(replies.get(timeout=10))  # at once, while the others hang
    assert "2 inferences are running" in message and "3 are waiting" in message
    assert HttpClient(web).send("/heart") == ONLINE
    wait_for(lambda: web.model.most_running == 2, "the model to have what the front has sent")
    go_on.set()
    for thread in threads:
        thread.join()
    assert [replies.get() for _ in range(5)] == [{**INFERRED, "data": 1}] * 5
    assert web.model.most_running == 2


def test_many_idle_connections_do_not_keep_a_heartbeat_away(start: Start) -> None:
    web = start("http")
    with many_idle(web, 5000):
        assert HttpClient(web).send("/heart") == ONLINE


def test_beyond_the_limit_the_longest_idle_is_closed(start: Start) -> None:
    web = start("http", env={"DUBHE_MAX_CONNECTIONS": "3"})
    clients = [HttpClient(web) for _ in range(3)]
    for client in clients:
        assert client.send("/heart") == ONLINE
    assert clients[0].send("/heart") == ONLINE  # now the second is idle for longest
    assert HttpClient(web).send("/heart") == ONLINE
    assert clients[0].send("/heart") == ONLINE
    with pytest.raises(OSError):
        clients[1].send("/heart")
    assert web.stderr.decode() == ""


class many_idle:  # noqa: N801 - used like a function
    """Opens connections and says nothing on them."""

    def __init__(self, web: Web, number: int) -> None:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        assert hard >= number + 500, f"{hard} open files are allowed; ulimit -Hn must allow more"
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._sockets = [web.connect() for _ in range(number)]

    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        for sock in self._sockets:
            sock.close()


def read_body(sock: socket.socket) -> bytes:
    """Read one reply with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        assert chunk, f"closed after {data!r}"
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += sock.recv(65536)
    return body


def test_refuses_to_start_with_a_malformed_limit(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Web(tmp_path, "http", READY, env={"DUBHE_MAX_REQUEST_BYTES": "many"})
