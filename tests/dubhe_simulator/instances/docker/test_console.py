"""The file that a container's output is copied to; the engine's part is in `test_backend`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dubhe_simulator.instances.docker.console import copy_output


class Output:
    """Stands in for a container, since an engine cuts an output into pieces as it likes."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    def logs(self, **given: object) -> Iterator[bytes]:
        return iter(self._chunks)


@pytest.mark.parametrize(
    ("there", "chunks", "new"),
    [
        (b"", (b"one\n", b"two\n"), [b"one", b"two"]),
        (b"one\n", (b"one\n", b"two\n"), [b"two"]),
        (b"one\nt", (b"one\n", b"two\n"), [b"wo"]),
        (b"one\ntwo\n", (b"one\n", b"two\n"), []),
        (b"one\n", (b"one\ntwo\n", b"three\n"), [b"two", b"three"]),
    ],
)
def test_what_is_there_is_not_copied_once_more(
    tmp_path: Path, there: bytes, chunks: tuple[bytes, ...], new: list[bytes]
) -> None:
    console = tmp_path / "console.log"
    console.write_bytes(there)
    container: Any = Output(*chunks)
    assert list(copy_output(container, console, resume=True)) == new
    assert console.read_bytes() == b"".join(chunks)


def test_an_output_whose_beginning_the_engine_has_dropped_is_copied_as_it_is(
    tmp_path: Path,
) -> None:
    console = tmp_path / "console.log"
    console.write_bytes(b"one\n")
    container: Any = Output(b"seven\n", b"eight\n")
    assert list(copy_output(container, console, resume=True)) == [b"seven", b"eight"]
    assert console.read_bytes() == b"one\nseven\neight\n"
