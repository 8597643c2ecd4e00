"""Who may see the page: beyond this machine, whoever has the token.

The token comes in a link (``/?token=…``), from the form of the login page, or with programs in the
header ``Authorization: Bearer …``. A browser gets a cookie for it, whose value is not the token.
"""

from __future__ import annotations

import hashlib
import hmac
import html
from importlib.resources import files
from urllib.parse import parse_qs

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.web.middleware.guard import LOGIN

OPEN = frozenset({"/icon.svg"})  # what the login page shows
COOKIE_DAYS = 30
FORM_LIMIT = 4096  # bytes
CSP = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Access:
    """Middleware, behind the one that sets the language.

    Args:
        token: what is demanded.
        secure: whether browsers reach the page by HTTPS alone.
    """

    def __init__(self, token: str, secure: bool) -> None:
        self._token = token.encode()
        self._cookie = hmac.new(self._token, b"cookie", hashlib.sha256).hexdigest()
        self._secure = secure

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Let pass who has the token; give the others the login page.

        Raises:
            Refused: 401, for programs.
        """
        if req.path == LOGIN and req.method == "POST":
            self._log_in(req, resp)
        elif req.path == "/" and req.get_param("token") is not None and self._is_token(req):
            self._welcome(req, resp)
        elif req.path in OPEN or self._is_known(req):
            return
        elif req.path.startswith("/api/"):
            raise Refused(translate("ui_no_token"), 401)
        else:
            _login_page(resp, wrong=req.get_param("token") is not None)

    def _is_token(self, req: falcon.Request) -> bool:
        return self._matches(req.get_param("token") or "")

    def _is_known(self, req: falcon.Request) -> bool:
        scheme, _, token = (req.get_header("Authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            return self._matches(token.strip())
        found = req.cookies.get(_cookie_name(req), "")
        return hmac.compare_digest(found.encode("utf-8", "replace"), self._cookie.encode())

    def _matches(self, token: str) -> bool:
        """Compare in a time that tells nothing of the token."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    def _log_in(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take the form of the login page."""
        raw = req.bounded_stream.read(FORM_LIMIT)
        given = parse_qs(raw.decode("utf-8", "replace")).get("token", [""])[0].strip()
        if self._matches(given):
            self._welcome(req, resp)
        else:
            _login_page(resp, wrong=True)

    def _welcome(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give the browser its cookie, and the page at an address without the token."""
        resp.set_cookie(
            _cookie_name(req), self._cookie, max_age=COOKIE_DAYS * 86400, path="/",
            secure=self._secure, http_only=True, same_site="Lax",
        )  # fmt: skip
        resp.status = falcon.HTTP_303
        resp.set_header("Location", "/")
        resp.complete = True


def _cookie_name(req: falcon.Request) -> str:
    """Return a name of this port's own: a browser keeps one set of cookies for a host's ports."""
    return f"dubhe-{req.port}"


def _login_page(resp: falcon.Response, *, wrong: bool) -> None:
    text = files("dubhe_simulator.web").joinpath("login.html").read_text("utf-8")
    words = {
        "LANGUAGE": translate("login_language"),
        "TITLE": translate("login_title"),
        "WHY": translate("login_why"),
        "LABEL": translate("login_label"),
        "BUTTON": translate("login_button"),
        "WRONG": translate("login_wrong") if wrong else "",
    }
    for name, word in words.items():
        text = text.replace(f"@{name}@", html.escape(word))
    resp.status = falcon.HTTP_401
    resp.content_type = falcon.MEDIA_HTML
    resp.text = text
    resp.set_header("Content-Security-Policy", CSP)
    # With `no-referrer` a browser would send the form with `Origin: null`, as another site's.
    resp.set_header("Referrer-Policy", "same-origin")
    resp.complete = True
