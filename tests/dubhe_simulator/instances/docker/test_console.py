"""What a container of a real engine writes, in the file that it is copied to.

How the copy goes on after a connection has ended is in `test_console_file`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from docker.types import LogConfig

from dubhe_simulator.instances.docker.console import copy_output
from tests.docker import images

Start = Callable[..., Container]
PROGRAM = """
import time
for number in range(1, {lines} + 1):
    print(f"{{number:06d}} {{'.' * 92}}", flush=True)
    time.sleep({pause})
"""
GAP = "! output may be missing here: the engine no longer has what came next"
# Of an output of several hundred kilobytes.
KEPT = ({"max-size": "100k", "max-file": "1"}, {"max-size": "100k", "max-file": "3"})


@pytest.fixture
def start(docker_engine: docker.DockerClient) -> Iterator[Start]:
    """Start a container that writes numbered lines, of which the engine keeps some."""
    started: list[Container] = []

    def container(lines: int, pause: float, kept: dict[str, str]) -> Container:
        found: Container = docker_engine.containers.run(
            images.python_image(docker_engine),
            ["python3", "-c", PROGRAM.format(lines=lines, pause=pause)],
            name=f"dubhe-test-console-{uuid.uuid4().hex[:8]}",
            log_config=LogConfig(type=LogConfig.types.JSON, config=kept),
            detach=True,
        )
        started.append(found)
        return found

    yield container
    for each in started:
        each.remove(force=True)


def check(console: Path, last: int) -> list[int]:
    """Assert that each line is followed by the next one, or by the word of a gap."""
    found: list[int] = []
    gap = True  # before the first line nobody can know
    for line in console.read_text().splitlines():
        if line != GAP:
            number = int(line[:6])
            last_number = found[-1] if found else 0
            assert number > last_number if gap else number == last_number + 1
            found.append(number)
        gap = line == GAP
    assert found[-1] == last
    return found


@pytest.mark.parametrize("kept", KEPT)
def test_an_output_of_which_the_engine_keeps_the_end(
    start: Start, tmp_path: Path, kept: dict[str, str]
) -> None:
    console = tmp_path / "console.log"
    lines = list(copy_output(start(3_000, 0.001, kept), console))
    assert "\n".join(map(bytes.decode, lines)) + "\n" == console.read_text()
    assert len(check(console, 3_000)) > 1_500


@pytest.mark.parametrize("kept", KEPT)
def test_one_that_is_written_faster_than_it_can_be_read(
    start: Start, tmp_path: Path, kept: dict[str, str]
) -> None:
    console = tmp_path / "console.log"
    list(copy_output(start(20_000, 0, kept), console))
    # Of several files the engine skips some on the connection itself, which nobody can see.
    numbers = [int(line[:6]) for line in console.read_text().splitlines() if line != GAP]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 20_000


def test_what_was_dropped_while_nobody_was_there_is_missing_in_words(
    start: Start, tmp_path: Path
) -> None:
    console = tmp_path / "console.log"
    container = start(3_000, 0.001, KEPT[0])
    copying = copy_output(container, console)
    for _ in range(10):
        next(copying)
    copying.close()  # type: ignore[attr-defined]
    container.wait()
    list(copy_output(container, console))
    found = check(console, 3_000)
    assert console.read_text().count(GAP) == 1
    assert found[:10] == list(range(1, 11)) and len(found) < 1_000


def test_what_was_kept_while_nobody_was_there_is_not_missing(start: Start, tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    container = start(300, 0.001, {})
    copying = copy_output(container, console)
    for _ in range(10):
        next(copying)
    copying.close()  # type: ignore[attr-defined]
    container.wait()
    list(copy_output(container, console))
    assert check(console, 300) == list(range(1, 301))
    before = console.read_bytes()
    assert list(copy_output(container, console)) == []
    assert console.read_bytes() == before


@pytest.mark.needs("root")
def test_a_log_that_somebody_empties(start: Start, tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    container = start(3_000, 0.001, {})
    container.reload()
    log = Path(container.attrs["LogPath"])
    copying = copy_output(container, console)
    for _ in range(500):
        next(copying)
    os.truncate(log, 0)
    list(copying)
    check(console, 3_000)


@pytest.mark.needs("root")
def test_what_the_engine_cannot_read_is_no_output(start: Start, tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    container = start(3_000, 0, KEPT[1])
    container.wait()
    container.reload()
    log = Path(container.attrs["LogPath"])
    former = log.with_name(f"{log.name}.1")
    former.unlink()
    former.mkdir()
    *lines, last = copy_output(container, console)
    assert last.startswith(b"! ") and b"Error grabbing logs: " in last
    assert lines == console.read_bytes().splitlines()
    assert lines and all(line.endswith(b"...") for line in lines)
