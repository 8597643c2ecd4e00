"""Who may ask, and for what."""

from __future__ import annotations

import json

import pytest

from tests.dubhe_simulator.ui import HEADERS, Ui


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


def test_headers_of_every_reply(ui: Ui) -> None:
    for path in ("/", "/api/state", "/api/nothing"):
        _, headers, _ = ui.raw("GET", path)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' data: blob:;")
        assert "script-src" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert ui.raw("GET", "/api/state")[1]["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/%2e%2e%2fapp.py", "/page", "/__init__.py"],
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
        (b'{"kind": "fly"}', "kind is 'fly', expected train, predict or inference"),
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
