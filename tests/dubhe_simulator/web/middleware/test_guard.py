"""Who may ask, and for what."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_simulator.web.server import THREADS
from dubhe_simulator.web.slow import ARRIVE_S
from tests.dubhe_simulator.ui import HEADERS, Ui

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """One for all: what is refused changes nothing."""
    with Ui(tmp_path_factory.mktemp("guard") / "runs") as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("127.0.0.1:8040", 200),
        ("[::1]:8040", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.0.2.1", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/state", "/"])
def test_host(ui: Ui, path: str, host: str, status: int) -> None:
    found, _, content = ui.raw("GET", path, Host=host)
    assert found == status or (path == "/" and found == 404 and status == 200), content
    if status == 403:
        assert "expected a loopback name" in json.loads(content)["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Origin": "http://127.0.0.1:{port}"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Dubhe": "0"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
def test_post(ui: Ui, headers: dict[str, str], status: int) -> None:
    given = {**HEADERS, **{k: v.format(port=ui.port) for k, v in headers.items()}}
    found, _, content = ui.raw("POST", "/api/start", b"{}", **given)
    assert found == status, content
    assert json.loads(content)["error"]


def test_a_post_without_our_header(ui: Ui) -> None:
    status, _, _ = ui.raw("POST", "/api/start", b"{}", Content_Type="application/json")
    assert status == 403


ELSEWHERE = "http://evil.example"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": ELSEWHERE}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/state", "/api/events", "/api/messages"])
def test_a_page_of_another_site_gets_nothing(
    ui: Ui, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=30)
    connection.request("GET", path, headers={k: v.format(port=ui.port) for k, v in headers.items()})
    reply = connection.getresponse()
    assert reply.status == status
    assert not [name for name, _ in reply.getheaders() if name.lower().startswith("access-control")]
    connection.close()


def test_a_link_from_another_site_leads_to_the_page(ui: Ui) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ui.raw("GET", "/", **headers)[0] in (200, 404)  # 404: the page is not built


def test_nothing_is_allowed_to_other_origins(ui: Ui) -> None:
    preflight = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    status, headers, _ = ui.raw("OPTIONS", "/api/start", **preflight)
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control")]


def test_it_listens_on_loopback_alone(ui: Ui) -> None:
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{ui.port:04X}")]
    assert listening == [f"0100007F:{ui.port:04X}"]


def test_a_chunked_body_beyond_the_limit_is_not_taken(ui: Ui) -> None:
    with socket.create_connection(("127.0.0.1", ui.port), timeout=30) as sock:
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        head += "Host: localhost\r\nTransfer-Encoding: chunked\r\n"
        sock.sendall(f"POST /api/send HTTP/1.1\r\n{head}\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                sock.sendall(b"100000\r\n" + b" " * 2**20 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            assert sock.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    assert ui.get("state")["messages"] == 0


@pytest.mark.slow
def test_slow_clients_are_put_out(ui: Ui) -> None:
    clients = []
    for beginning in (b"GET /api/sta", b"POST /api/start HTTP/1.1\r\n"):
        for _ in range(THREADS // 2 + 4):
            sock = socket.create_connection(("127.0.0.1", ui.port), timeout=60)
            more = b""
            if beginning.startswith(b"POST"):
                more = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()).encode()
                more += b"Host: localhost\r\nContent-Length: 900\r\n\r\n{"
            sock.sendall(beginning + more)
            clients.append(sock)
    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=3 * ARRIVE_S + 30)
    connection.request("GET", "/api/state")
    assert connection.getresponse().status == 200  # although there were more of them than threads
    for sock in clients:
        sock.settimeout(3 * ARRIVE_S + 30)
        with contextlib.suppress(ConnectionError):
            while sock.recv(65536):
                continue  # up to the end of the stream
        sock.close()


def test_headers_of_every_reply(ui: Ui) -> None:
    for path in ("/", "/api/state", "/api/nothing"):
        _, headers, _ = ui.raw("GET", path)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' data: blob:;")
        assert "script-src" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert ui.raw("GET", "/api/nothing")[1]["cache-control"] == "no-store"
    # Asked for again and again: the browser may keep it, for this user, and asks whether it is new.
    assert ui.raw("GET", "/api/state")[1]["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path",
    [
        *("/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/%2e%2e%2fapp.py", "/page"),
        *("/__init__.py", "/%252e%252e%252fapp.py", "/%252e%252e/app.py", "/..%5capp.py"),
        *("//etc/passwd", "/%2fetc%2fpasswd", "/app.js%00.css", "/%00", "/.", "/..", "/%c0%ae/x"),
        *("/app.js/", "/app.js/..%2f..%2fapp.py", "/file:%2f%2f%2fetc%2fpasswd", "/~root"),
    ],
)
def test_no_path_leads_out_of_the_page(ui: Ui, path: str) -> None:
    status, _, content = ui.raw("GET", path)
    assert status == 404 and "error" in json.loads(content)


def test_a_body_that_is_too_large(ui: Ui) -> None:
    status, _, content = ui.raw("POST", "/api/send", Content_Length=str(2**24 + 1), **HEADERS)
    assert status == 413, content


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[1]", "not a JSON object"),
        (b"{", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"kind": "fly"}', "kind is 'fly', expected train, evaluate or infer"),
        (b'{"kind": "train"}', "no algorithm was given"),
    ],
)
def test_bodies(ui: Ui, body: bytes, expected: str) -> None:
    status, _, content = ui.raw("POST", "/api/start", body, **HEADERS)
    assert status in (400, 409)
    assert expected in json.loads(content)["error"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("curves?run=1&metric=x", 404),
        ("curves?metric=x", 400),
        ("curves?run=1&axis=fun", 400),
        ("curves?run=1&metric=x&from=nan", 400),
        ("curves?run=1&metric=x&width=0", 400),
        ("results?run=9", 404),
        ("results?run=-1", 400),
        ("summary?run=99999999999999999999", 400),
        ("results.csv?run=1,x", 400),
        ("curves.csv?run=7", 404),
        ("log?instance=nobody", 404),
        ("forms?instance=nobody", 404),
        ("messages?after_id=x", 400),
        ("nothing", 404),
    ],
)
def test_wrong_questions_get_a_sentence(ui: Ui, query: str, status: int) -> None:
    found, _, content = ui.raw("GET", f"/api/{query}")
    assert found == status, content
    assert json.loads(content)["error"]
