"""What a container writes, into a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from docker.models.containers import Container


def copy_output(container: Container, console: Path, *, resume: bool = False) -> Iterator[bytes]:
    """Copy a container's output to a file until it ends; yield its lines on the way.

    Args:
        container: a started one.
        console: the file; what it contains is kept.
        resume: whether that is the beginning of the same output, which is not copied once more.
    """
    from docker.errors import APIError, NotFound

    rest = b""
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(console.open("ab"))
            chunks: Iterator[bytes] = container.logs(stream=True, follow=True)
            if resume:
                chunks = _behind(stack.enter_context(console.open("rb")), chunks)
            for chunk in chunks:
                file.write(chunk)
                file.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
    except (APIError, NotFound, OSError) as error:
        yield f"! {error}".encode()
    if rest:
        yield rest


def _behind(known: BinaryIO, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out what a file has already.

    An engine that keeps the end of an output only (``max-size``) begins with something else: then
    all that it has is yielded, since nobody knows what is missing.
    """
    for chunk in chunks:
        there = known.read(len(chunk))
        if there == chunk:
            continue
        yield chunk.removeprefix(there)
        yield from chunks
