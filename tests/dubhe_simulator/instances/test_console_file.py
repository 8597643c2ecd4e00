"""The copy of an engine's output: nothing twice, no gap in silence, whenever it is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.instances.console_file import ConsoleFile

GAP = b"! output may be missing here: the engine no longer has what came next\n"


def dated(nanoseconds: int, text: str, zone: str = "Z") -> bytes:
    """A record of the first second of an hour."""
    hour = {"Z": "00", "+02:00": "02"}[zone]
    return f"2026-01-01T{hour}:00:00.{nanoseconds:09d}{zone} {text}".encode()


ONE, TWO, THREE = dated(1, "one\n"), dated(2, "two\n"), dated(3, "three\n")


def copy(path: Path, *records: bytes) -> bytes:
    """Copy what one connection brings; return what was new."""
    with ConsoleFile(path) as file:
        return b"".join(file.copy(records))


@pytest.mark.parametrize(
    ("first", "then", "new"),
    [
        ((), (ONE, TWO), b"one\ntwo\n"),
        ((ONE,), (ONE, TWO), b"two\n"),
        ((ONE, TWO), (TWO, THREE), b"three\n"),
        ((ONE, TWO), (ONE, TWO), b""),
        ((ONE, TWO), (), b""),
        # The same words again are not the same line.
        ((ONE, dated(2, "one\n")), (ONE, dated(2, "one\n"), dated(3, "one\n")), b"one\n"),
        # A long line comes in parts of one date.
        ((dated(1, "a"), dated(1, "b")), (dated(1, "a"), dated(1, "b"), dated(1, "c\n")), b"c\n"),
        # Where the node is, it is another hour.
        ((ONE,), (dated(1, "one\n", "+02:00"), dated(2, "two\n", "+02:00")), b"two\n"),
        # The engine has dropped what was copied last, and perhaps more.
        ((ONE,), (TWO, THREE), GAP + b"two\nthree\n"),
    ],
)
def test_the_next_connection_adds_what_is_new(
    tmp_path: Path, first: tuple[bytes, ...], then: tuple[bytes, ...], new: bytes
) -> None:
    path = tmp_path / "console.log"
    before = copy(path, *first)
    assert copy(path, *then) == new
    assert path.read_bytes() == before + new


def test_connections_of_one_process(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    with ConsoleFile(path) as file:
        for records in ((ONE,), (ONE, TWO), (TWO,), (TWO, THREE)):
            list(file.copy(records))
    assert path.read_bytes() == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("again", [ONE, THREE])
def test_a_connection_that_repeats_is_at_its_end(tmp_path: Path, again: bytes) -> None:
    path = tmp_path / "console.log"
    with ConsoleFile(path) as file:
        added = list(file.copy((ONE, TWO, THREE, again, dated(9, "nine\n"))))
        assert file.repeats
        assert added == [b"one\n", b"two\n", b"three\n"]
        assert list(file.copy((THREE, dated(9, "nine\n")))) == [b"nine\n"]
        assert not file.repeats
    assert path.read_bytes() == b"one\ntwo\nthree\nnine\n"


def test_the_two_outputs_may_be_dated_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    assert copy(path, TWO, ONE) == b"two\none\n"
    assert copy(path, TWO, ONE) == b""
    assert copy(path, TWO, ONE, THREE) == b"three\n"


def test_what_comes_next_is_asked_for_by_the_second(tmp_path: Path) -> None:
    with ConsoleFile(tmp_path / "console.log") as file:
        assert file.since == 0
        list(file.copy([b"2026-01-01T00:00:05.9Z one\n"]))
        assert file.since == 1767225604  # and a second, for what is not in order


def test_what_was_written_but_not_noted_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    copy(path, ONE)
    with path.open("ab") as file:
        file.write(b"tw")  # the platform is killed here
    assert copy(path, ONE, TWO) == b"two\n"
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_copy_that_somebody_has_emptied_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    copy(path, ONE)
    path.write_bytes(b"")
    assert copy(path, ONE, TWO) == b"two\n"
    assert path.read_bytes() == b"two\n"


def test_a_part_of_the_output_that_has_no_date_belongs_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    copy(path, ONE, b"more\n")
    assert copy(path, ONE, b"more\n", TWO) == b"two\n"
