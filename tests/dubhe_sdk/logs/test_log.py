from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.logs import log
from dubhe_sdk.logs.log import open_log
from tests.support.environ import clean_environ

WRITER = """
import sys
from pathlib import Path
from dubhe_sdk.logs import log

log.MAX_BYTES = int(sys.argv[3])
logger = log.open_log(Path(sys.argv[1]), console=False)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[4])):
    logger.info("%s %d %s", sys.argv[2], number, "x" * 100)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "dubhe.log"


@pytest.fixture(autouse=True)
def _a_logger_of_its_own() -> Iterator[None]:
    logger = logging.getLogger("dubhe_sdk")
    before = (list(logger.handlers), getattr(logger, "dubhe_path", None))
    logger.handlers, logger.dubhe_path = [], None  # type: ignore[attr-defined]
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.dubhe_path = before  # type: ignore[attr-defined]


def write_at_once(path: Path, writers: int, lines: int, size: int) -> None:
    """Let several processes write so many lines each, all beginning together."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"w{index}", str(size), str(lines)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environ(),
        )
        for index in range(writers)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.communicate(b"\n", timeout=60)
        assert process.returncode == 0


def lines_of(path: Path) -> list[str]:
    """Return every line of the log and its backups."""
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
    return [line for file in files for line in file.read_text("utf-8").splitlines()]


def test_several_processes_write_and_rotate_without_losing_or_tearing_a_line(path: Path) -> None:
    write_at_once(path, writers=4, lines=300, size=20_000)
    lines = lines_of(path)
    shape = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO \d+ (w\d) (\d+) x{100}")
    found = Counter(match.groups() for line in lines if (match := shape.fullmatch(line)))
    assert len(found) == len(lines) == 4 * 300
    assert found == Counter((f"w{w}", str(n)) for w in range(4) for n in range(300))
    backups = sorted(file.name for file in path.parent.glob("dubhe.log.*"))
    assert 5 < len(backups) <= 14
    assert all(file.stat().st_size <= 20_000 for file in path.parent.glob("dubhe.log*"))


def test_no_more_than_fourteen_backups_are_kept(path: Path) -> None:
    write_at_once(path, writers=2, lines=300, size=2_000)
    backups = {file.name for file in path.parent.glob("dubhe.log.*")}
    assert backups == {f"dubhe.log.{number}" for number in range(1, 15)}


def test_limits_are_those_of_the_contract() -> None:
    assert log.MAX_BYTES == 10 * 1024 * 1024
    assert log.BACKUPS == 14


def test_a_line_goes_to_the_file_and_to_the_console(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_log(path).info("%s", "文 %d is no place")
    assert path.read_text("utf-8").endswith(" 文 %d is no place\n")
    assert capsys.readouterr().err == path.read_text("utf-8")


def test_the_logger_is_opened_once_for_a_path(path: Path, tmp_path: Path) -> None:
    logger = open_log(path, console=False)
    assert open_log(path, console=False) is logger
    assert len(logger.handlers) == 1
    other = open_log(tmp_path / "other.log", console=False)
    other.info("there")
    assert len(other.handlers) == 1
    assert path.read_text() == ""
    assert "there" in (tmp_path / "other.log").read_text()


def test_a_removed_file_is_made_again(path: Path) -> None:
    logger = open_log(path, console=False)
    logger.info("one")
    path.unlink()
    logger.info("two")
    assert path.read_text().endswith(" two\n")


def test_a_file_rotated_by_somebody_else_is_followed(path: Path) -> None:
    logger = open_log(path, console=False)
    logger.info("one")
    path.rename(path.with_name("dubhe.log.1"))
    path.touch()
    logger.info("two")
    assert path.read_text().endswith(" two\n")
    assert "two" not in path.with_name("dubhe.log.1").read_text()


def test_a_file_that_cannot_be_opened_is_reported_and_nothing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    logger = open_log(tmp_path / "file" / "dubhe.log")
    logger.info("still here")
    lines = capsys.readouterr().err.splitlines()
    assert "cannot be opened: " in lines[0]
    assert str(tmp_path / "file" / "dubhe.log") in lines[0]
    assert lines[1].endswith("still here")


def test_the_root_logger_is_left_alone(path: Path) -> None:
    program = f"""
import logging
before = (logging.root.level, list(logging.root.handlers), logging.raiseExceptions)
import dubhe_sdk
from dubhe_sdk.logs.log import open_log
from pathlib import Path
assert (logging.root.level, list(logging.root.handlers), logging.raiseExceptions) == before
logger = open_log(Path({str(path)!r}))
logger.info("ours")
assert (logging.root.level, list(logging.root.handlers), logging.raiseExceptions) == before
logging.basicConfig(format="mine %(message)s", level=logging.DEBUG)
logging.info("theirs")
logger.info("ours again")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environ(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[1] == "mine theirs"
    assert [line.split()[-1] for line in (lines[0], lines[2])] == ["ours", "again"]
    assert not any(line.startswith("mine") and "ours" in line for line in lines)
    assert "theirs" not in path.read_text()


def test_import_writes_nothing_anywhere(tmp_path: Path) -> None:
    program = """
import os, sys
opened = []
def hook(event, args):
    if event in ("os.mkdir", "os.rename"):
        opened.append((event, args))
    if event == "open" and isinstance(args[0], str) and "w" in str(args[1]):
        opened.append((event, args))
sys.addaudithook(hook)
import dubhe_sdk
print(opened)
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", program],
        env=clean_environ(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_writer_killed_while_it_writes_blocks_nobody(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "w0", "5000", "100000000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environ(),
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdin.write(b"\n")
    process.stdin.flush()
    logger = open_log(path, console=False)
    while not path.with_name("dubhe.log.2").exists():
        logger.info("beside it")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    logger.info("afterwards")
    assert path.read_text().endswith(" afterwards\n")
