"""Who may ask: pages that this server gave out, and programs that say so.

A page of another site can make a browser send requests here. It cannot set `Host` (so a name
that was rebound to this machine is recognised), nor a header of its own without asking first.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import falcon

from dubhe_simulator.errors import Refused

HEADER = "X-Dubhe"
LOGIN = "/login"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
BODIES = ("application/json", "application/zip")
WILDCARDS = frozenset({"", "0.0.0.0", "::"})
CSP = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Guard:
    """Middleware.

    Args:
        host: the address the server listens on.
    """

    def __init__(self, host: str) -> None:
        self._host = host

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Refuse what does not come from our page or from a program.

        Raises:
            Refused: 403 or 415.
        """
        host = _name(req.get_header("Host") or "")
        if not self._is_ours(host):
            raise Refused(
                f"Host is {host!r}, expected a loopback name or the address that was bound", 403
            )
        origin = req.get_header("Origin")
        if origin is not None and urlsplit(origin).netloc != req.get_header("Host"):
            raise Refused(f"Origin is {origin!r}, which is another site", 403)
        # It could not read what it asks for, but would hold threads and make work. Links to the
        # page itself are welcome.
        site = req.get_header("Sec-Fetch-Site") or "none"
        if site not in ("same-origin", "none") and req.path.startswith("/api/"):
            raise Refused(f"Sec-Fetch-Site is {site!r}: a page of another site asks", 403)
        if req.method in ("GET", "HEAD") or req.path == LOGIN:
            return  # the login is a form, which sends no headers of ours
        if req.get_header(HEADER) != "1":
            raise Refused(f"the header {HEADER}: 1 is missing", 403)
        if (req.content_type or "").partition(";")[0].strip().lower() not in BODIES:
            raise Refused(f"Content-Type is not {' or '.join(BODIES)}", 415)

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool
    ) -> None:
        """Set the headers that every reply has, unless it has others of its own."""
        headers = {
            "Content-Security-Policy": CSP,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        for name, value in headers.items():
            if not resp.get_header(name):
                resp.set_header(name, value)

    def _is_ours(self, host: str) -> bool:
        if host in LOOPBACK or host == self._host.lower():
            return True
        # Listening everywhere, any address of this machine may be meant. A name may not: only
        # names can be rebound.
        return self._host in WILDCARDS and _is_address(host)


def _name(host: str) -> str:
    """Return the host without its port, in small letters."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
