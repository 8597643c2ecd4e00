"""What a container writes, into a file."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dubhe_simulator.instances.base import Condition
from dubhe_simulator.instances.console_file import ConsoleFile
from dubhe_simulator.instances.docker.answers import answers
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent

if TYPE_CHECKING:
    from docker.models.containers import Container

AGAIN_S = 1.0  # before another attempt
# Before what the engine has is read once more: meanwhile the container cannot write.
REPEATED_S = 0.1
_ENDED = ("exited", "dead", "removing")
# The engine's own words among the records, when it cannot read what it has kept, for example while
# it begins another file: https://github.com/moby/moby, api/server/httputils/write_log_stream.go.
# What a container writes has a date before it.
_UNREADABLE = b"Error grabbing logs: "


class _Unreadable(EngineProblem):
    """The engine cannot read the output any further on this connection."""


def copy_output(
    container: Container,
    console: Path,
    waits: Callable[[EngineSilent | None], bool] = lambda _: True,
) -> Iterator[bytes]:
    """Copy a container's output to a file until it ends; yield its lines on the way.

    Args:
        container: a started one.
        console: the file; one that is there is continued.
        waits: called when the engine does not answer, and with None when it does again; returns
            whether to go on until then.
    """
    from docker.errors import NotFound

    rest = b""
    try:
        with ConsoleFile(console) as file:
            for added in _added(container, file, waits):
                *lines, rest = (rest + added).split(b"\n")
                yield from lines
    except NotFound:  # somebody has removed it
        pass
    except (EngineProblem, OSError) as error:
        yield f"! {error}".encode()
    if rest:
        yield rest


def _added(
    container: Container, file: ConsoleFile, waits: Callable[[EngineSilent | None], bool]
) -> Iterator[bytes]:
    """Yield what is new, on one connection after the other as long as the container runs."""
    complete = away = False
    while True:
        some = False
        try:
            if away:  # asked first: a connection that follows the output may bring nothing
                with answers():
                    container.reload()
                waits(None)
                away = False
            with answers(), contextlib.closing(_records(container, file.since)) as records:
                try:
                    for added in file.copy(records):
                        some = True
                        yield added
                except _Unreadable:
                    if complete:  # nothing is written any more, and the last attempt is over
                        raise
                if file.repeats:
                    time.sleep(REPEATED_S)
                    continue
                if complete:
                    return
                container.reload()
        except EngineSilent as silence:
            away = True
            if not waits(silence):
                return
            time.sleep(AGAIN_S)
            continue
        # A connection may end before the output does.
        complete = container.status in _ENDED
        if not complete and not some:
            time.sleep(AGAIN_S)


def _records(container: Container, since: int) -> Generator[bytes, None, None]:
    """Yield what the engine has of the output since a date, and what comes, up to its end."""
    from urllib3.exceptions import HTTPError

    output = container.logs(stream=True, follow=True, timestamps=True, since=since or None)
    with contextlib.closing(output):
        try:
            for record in output:
                if record.startswith(_UNREADABLE):
                    detail = record.decode("utf-8", "replace").strip()
                    raise _Unreadable(Condition("engine_refused", {"detail": detail}))
                yield record
        except (HTTPError, struct.error):  # the engine has gone in the middle of a record
            return
