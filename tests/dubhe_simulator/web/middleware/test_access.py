"""Beyond loopback every route asks for the token; on loopback none does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import quote, urlencode

import pytest
from falcon.inspect import inspect_routes

from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.web.app import make_app
from tests.dubhe_simulator.ui import HEADERS, Ui

SET = "correct-horse/battery+staple"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """One for all: what is refused changes nothing."""
    with Ui(tmp_path_factory.mktemp("access") / "runs", "--host", "0.0.0.0") as running:
        yield running


def routes() -> list[tuple[str, str]]:
    """Every method and path that the application itself has, with something for its parts."""
    app = make_app(Mock(spec=Platform), "0.0.0.0", "a token")  # asked for nothing but its routes
    parts = {"token": "1-x", "kind": "train", "name": "app.js"}
    return [
        (method.method, re.sub(r"{(\w+)}", lambda found: parts[found[1]], route.path))
        for route in inspect_routes(app)
        for method in route.methods
        if not method.internal
    ]


ROUTES = routes()
GETS = [path for method, path in ROUTES if method == "GET"]
POSTS = [path for method, path in ROUTES if method == "POST"]


def test_the_routes_are_those_of_the_server(ui: Ui) -> None:
    assert len(GETS) + len(POSTS) == len(ROUTES), "no method is left out below"
    assert {"/", "/app.js", "/api/events", "/api/log/download", "/api/export"} <= set(GETS)
    assert {"/api/import", "/api/delete", "/api/workflow/train"} <= set(POSTS)
    for method, path in ROUTES:
        if path != "/api/events":  # which does not end
            assert ui.raw(method, path, b"{}", **HEADERS)[0] not in (401, 405), path


@pytest.mark.parametrize("path", [*GETS, "/index.html", "/api/nonsense", "/login"])
@pytest.mark.parametrize(
    "headers",
    [{"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Cookie": "dubhe-{port}=wrong"},
     {"Cookie": "dubhe-{port}={token}"}],
    ids=["nothing", "another token", "another cookie", "the token as cookie"],
)  # fmt: skip
def test_nothing_is_told_without_the_token(ui: Ui, path: str, headers: dict[str, str]) -> None:
    given = {k: v.format(port=ui.port, token=ui.token) for k, v in headers.items()}
    status, found, content = ui.raw("GET", path, **given)
    assert status == 401, content
    if path.startswith("/api/"):
        assert "demands a token" in json.loads(content)["error"]
    else:
        assert b'name="token"' in content
        assert "script" not in found["content-security-policy"]
    assert ui.token is not None
    assert ui.token.encode() not in content


@pytest.mark.parametrize("path", POSTS)
def test_nothing_is_done_without_the_token(ui: Ui, path: str) -> None:
    status, _, _ = ui.raw("POST", path, b"{}", Authorization="", **HEADERS)
    assert status == 401


def test_a_program_shows_the_token_in_a_header(ui: Ui) -> None:
    assert ui.get("state")["instances"] == []
    assert next(ui.events())[0] == "state"


def cookie_of(headers: dict[str, str]) -> str:
    return headers["set-cookie"].partition(";")[0]


def test_the_link_gives_a_cookie_and_leaves_the_address_bar(ui: Ui) -> None:
    status, headers, _ = ui.raw("GET", ui.link.removeprefix(ui.url), Authorization="")
    assert (status, headers["location"]) == (303, "/")
    attributes = headers["set-cookie"].casefold()
    assert "httponly" in attributes
    assert "samesite=lax" in attributes
    cookie = cookie_of(headers)
    assert ui.token not in cookie  # what is stored in a browser is not the token
    assert ui.raw("GET", "/api/state", Cookie=cookie)[0] == 200
    assert ui.raw("GET", "/", Cookie=cookie)[0] == 200
    # Browsers keep one set of cookies for all ports of a host: each has a name of its own.
    assert cookie.startswith(f"dubhe-{ui.port}=")


def test_the_form_takes_the_token(ui: Ui) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}
    body = urlencode({"token": f" {ui.token} "}).encode()  # as it is pasted
    status, headers, _ = ui.raw("POST", "/login", body, **form)
    assert status == 303
    assert ui.raw("GET", "/api/state", Cookie=cookie_of(headers))[0] == 200
    status, headers, content = ui.raw("POST", "/login", b"token=wrong", **form)
    assert (status, "set-cookie" in headers) == (401, False)
    assert b"This is not the token" in content


def test_another_site_cannot_send_the_form(ui: Ui) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}
    body = urlencode({"token": ui.token}).encode()
    assert ui.raw("POST", "/login", body, Origin="http://evil.example", **form)[0] == 403


def test_loopback_is_free(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs") as ui:
        assert ui.token is None
        assert ui.raw("GET", "/api/state")[0] == 200


def test_a_token_that_was_set_is_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SET + "\n")
    for given, environment in (
        (["--token", SET], {}),
        (["--token-file", file], {}),
        ([], {"DUBHE_UI_TOKEN": SET}),
        ([], {"DUBHE_UI_TOKEN_FILE": str(file)}),
    ):
        with Ui(tmp_path / "runs", *given, **environment) as ui:  # on loopback, too
            assert ui.token is None
            assert ui.raw("GET", "/api/state")[0] == 401
            assert ui.raw("GET", "/api/state", Authorization=f"Bearer {SET}")[0] == 200
            status, _, _ = ui.raw("GET", f"/?token={quote(SET, safe='')}")
            assert status == 303
