from __future__ import annotations

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
from dubhe_sdk.logs.log import close_logs, open_log
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
    yield
    close_logs()


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
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    open_log(path).info("%s", "文 %d is no place")
    assert path.read_text("utf-8").endswith(" 文 %d is no place\n")
    assert capfd.readouterr().err == path.read_text("utf-8")


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
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    logger = open_log(tmp_path / "file" / "dubhe.log")
    logger.info("still here")
    lines = capfd.readouterr().err.splitlines()
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


ALGORITHMS = {
    "dictConfig": 'logging.config.dictConfig({"version": 1, "root": {"level": "ERROR"}})',
    "disable": "logging.disable(logging.CRITICAL)",
    "levels": "for name in ['', *logging.root.manager.loggerDict]: "
    "logging.getLogger(name).setLevel(logging.CRITICAL)",
    "factory": "logging.setLogRecordFactory(lambda *a, **k: None)",
    "shutdown": "logging.shutdown()",
    "closed stderr": "sys.stderr.close()",
    "detached stderr": "sys.stderr = codecs.getwriter('utf-8')(sys.stderr.detach())",
    "no stderr": "sys.stderr = None",
    "descriptors": "os.closerange(3, 100)",
}


@pytest.mark.parametrize("habit", ALGORITHMS)
def test_what_an_algorithm_does_to_logging_or_stderr_does_not_reach_it(
    path: Path, habit: str
) -> None:
    program = f"""
import codecs, logging, logging.config, os, sys
from pathlib import Path
from dubhe_sdk.logs.log import open_log
log = open_log(Path({str(path)!r}))
log.info("before")
{ALGORITHMS[habit]}
for number in range(3):
    log.info("line %d", number)
log.error("the failure's traceback")
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program], env=clean_environ(), capture_output=True)
    expected = ["before", "line 0", "line 1", "line 2", "the failure's traceback"]
    for text in (path.read_text("utf-8"), done.stderr.decode()):
        lines = text.splitlines()
        assert len(lines) == len(expected), text
        assert all(line.endswith(end) for line, end in zip(lines, expected, strict=True))


def test_children_forked_beside_a_thread_that_logs_hold_up_nobody(path: Path) -> None:
    program = f"""
import os, signal, sys, threading
from pathlib import Path
from dubhe_sdk.logs.log import open_log
log = open_log(Path({str(path)!r}), console=False)
stop = threading.Event()
def chat():
    while not stop.is_set():
        log.info("chat")
thread = threading.Thread(target=chat)
thread.start()
children = []
for _ in range(60):
    child = os.fork()
    if child == 0:
        signal.pause()
    children.append(child)
stop.set()
thread.join()
for number in range(20):
    log.info("after %d", number)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-c", program], env=clean_environ(), timeout=60, check=True)
    assert "after 19" in path.read_text("utf-8")


def test_a_writer_that_is_stopped_while_it_holds_the_lock_holds_up_nobody(path: Path) -> None:
    logger = open_log(path, console=False)
    logger.info("one")
    program = f"""
import fcntl, os, signal
fd = os.open({str(path.parent / ".dubhe.log.lock")!r}, os.O_RDWR)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
signal.pause()
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    for number in range(200):
        logger.info("line %d", number)
    holder.kill()
    holder.wait()
    assert len(path.read_text().splitlines()) == 201
