"""Finding the Docker engine, as the command line `docker` finds it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.tls import TLSConfig

DEFAULT_HOST = "unix:///var/run/docker.sock"
TIMEOUT_S = 60  # for one answer; builds and logs have none
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@contextlib.contextmanager
def engine() -> Iterator[DockerClient]:
    """Yield a client of the engine that answers.

    Raises:
        EngineError: the package ``docker`` is missing, no engine answers, or it went away or
            refused something in the block.
    """
    client = connect()
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    with contextlib.closing(client):
        try:
            yield client
        except (DockerException, RequestException, HTTPError) as error:
            raise EngineError(translate("engine_lost", host=where()[0], error=error)) from error


def connect(timeout_s: int = TIMEOUT_S) -> DockerClient:
    """Return a client of the engine that answers.

    Args:
        timeout_s: for one answer, in seconds.

    Raises:
        EngineError: the package ``docker`` is missing, or no engine answers.
    """
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as error:
        if error.name and error.name.partition(".")[0] == "docker":
            raise EngineError(translate("no_package")) from None
        raise EngineError(translate("broken_package", error=error)) from error
    host, found_in = where()
    with contextlib.ExitStack() as stack:
        try:
            if found_in == "DOCKER_HOST":
                client = docker.from_env(timeout=timeout_s)
            else:
                client = docker.DockerClient(base_url=host, timeout=timeout_s, tls=_tls(found_in))
            stack.callback(client.close)
            client.ping()
        # requests' and urllib3's errors are OSErrors or wrapped in a DockerException; an unusable
        # address is a ValueError somewhere below.
        except (DockerException, OSError, ValueError, ImportError) as error:
            raise EngineError(_why(host, found_in, error)) from error
        stack.pop_all()
    return client


def where() -> tuple[str, str]:
    """Return the engine's address and what names it: DOCKER_HOST, a context, or the default."""
    host = os.environ.get("DOCKER_HOST", "").strip()
    if host:
        return host, "DOCKER_HOST"
    from docker.context import ContextAPI

    name = os.environ.get("DOCKER_CONTEXT", "").strip() or None
    try:
        context = ContextAPI.get_context(name)
    # Its reader raises a bare Exception for a damaged file.
    except Exception as error:
        raise EngineError(translate("bad_context", name=name or "", error=error)) from error
    if context is None:
        raise EngineError(
            translate("bad_context", name=name or "", error=translate("unknown_context"))
        )
    if context.name == "default" or not context.Host:
        return DEFAULT_HOST, ""
    return context.Host, context.name


def require_local() -> None:
    """Check that the engine sees this machine's folders and loopback.

    Raises:
        EngineError: it does not.
    """
    host, _ = where()
    if not is_local(host):
        raise EngineError(translate("run_remote", host=host))


def is_local(host: str) -> bool:
    """Return whether an engine at this address sees this machine's folders and loopback."""
    parts = urlsplit(host)
    return parts.scheme not in ("tcp", "http", "https", "ssh") or parts.hostname in _LOOPBACK


def _tls(context: str) -> TLSConfig | bool:
    from docker.context import ContextAPI

    found = ContextAPI.get_context(context) if context else None
    return (found.TLSConfig if found else None) or False


def _why(host: str, found_in: str, error: BaseException) -> str:
    """Say where it was looked for, what happened, and what to do."""
    source = translate("from_default")
    if found_in == "DOCKER_HOST":
        source = translate("from_variable")
    elif found_in:
        source = translate("from_context", name=found_in)
    number = error_number(error)
    if number in (errno.EACCES, errno.EPERM):
        advice = translate("advice_permission")
    elif number == errno.ENOENT and not found_in:
        advice = translate("advice_start")
    elif found_in == "DOCKER_HOST":
        advice = translate("advice_variable")
    else:
        advice = translate("advice_start")
    reason = os.strerror(number) if number else str(error)
    return translate("no_engine", host=host, source=source, reason=reason, advice=advice)


def error_number(error: BaseException) -> int | None:
    """Return the system's error number from below the layers of wrapped exceptions."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and one.errno:
            return one.errno
        waiting += [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
    return None
