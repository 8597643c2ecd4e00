"""``dubhe.log`` while it is rotated: by the SDK's own size limit, and by others around it.

All processes of a service write to it. Whoever follows it (the local platform) goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_simulator.platform.managed.logs.formats import SdkFormat
from dubhe_simulator.platform.managed.logs.index import BACKUPS, LogFile
from tests.dubhe_sdk.service.harness import App
from tests.dubhe_sdk.spool.helpers import KIB, mounted
from tests.faults import disks
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

# Speaks in two processes until it is stopped; the main one also through messages, whose lines the
# service parent writes. Lines are numbered per process.
ALGORITHM = """
import os, time
from pathlib import Path
import dubhe_sdk
from dubhe_sdk.logs.log import open_log

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.log("begin")
        for handler in open_log(Path(os.environ["DUBHE_TEMPORARY"], "log", "dubhe.log")).handlers:
            if hasattr(handler, "maxBytes"):
                handler.maxBytes = int(os.environ.get("TEST_LOG_BYTES", handler.maxBytes))
        pid = os.fork()
        who = "rank" if pid == 0 else "main"
        number = 0
        while not Path("stop").exists():
            ctx.log("%s says %d %s", who, number, "x" * 40)
            if who == "main" and number % 10 == 0:
                ctx.logProgress(0.5)
            number += 1
            time.sleep(0.002)
        Path(f"{who}-count").write_text(str(number))
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
"""


class Follower:
    """What somebody who follows the log has seen: numbers said, by process."""

    def __init__(self, path: Path) -> None:
        self._log = LogFile(path, SdkFormat(), BACKUPS)
        self._after = -1
        self.seen: dict[str, list[int]] = {"main": [], "rank": []}

    def look(self) -> dict[str, list[int]]:
        while found := self._log.lines(self._after + 1, 1000)["lines"]:
            self._after = found[-1]["n"]
            for line in found:
                if match := re.fullmatch(r"(main|rank) says (\d+) x{40}", line["text"]):
                    self.seen[match[1]].append(int(match[2]))
        return self.seen

    def wait_for_more(self, app: App, count: int = 30) -> None:
        """Wait until both processes were seen to say more."""
        want = {who: len(numbers) + count for who, numbers in self.look().items()}
        wait_for(
            lambda: all(len(numbers) >= want[who] for who, numbers in self.look().items()),
            lambda: app.console[-3000:],
        )


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path / "app", ALGORITHM) as one:
        yield one


def begin(app: App) -> tuple[Path, Follower]:
    app.start()
    assert app.train()["flag"] == 1
    path = app.temporary / "log" / "dubhe.log"
    follower = Follower(path)
    follower.wait_for_more(app)
    return path, follower


def finish(app: App, follower: Follower) -> None:
    """Have the task end, and check that both processes went on until then."""
    (app.folder / "stop").touch()
    app.wait_reported("END 200")
    counts = {who: int(app.wait_file(f"{who}-count")) for who in ("main", "rank")}
    wait_for(
        lambda: {who: numbers[-1] + 1 for who, numbers in follower.look().items()} == counts,
        lambda: f"{counts}\n{app.console[-3000:]}",
    )
    app.terminate()
    assert app.wait() == 0


def test_rotation_by_size_loses_no_line(app: App) -> None:
    app.env["TEST_LOG_BYTES"] = str(30 * KIB)
    path, follower = begin(app)
    wait_for(lambda: follower.look() and path.with_name("dubhe.log.3").exists(), "rotation")
    finish(app, follower)
    for numbers in follower.seen.values():
        assert numbers == list(range(len(numbers)))


def test_renamed_away_by_somebody_else(app: App) -> None:
    """As logrotate does without copytruncate: the next line of each process makes a new file."""
    path, follower = begin(app)
    for turn in range(1, 4):
        path.rename(path.with_name(f"dubhe.log.{9 - turn}"))
        follower.wait_for_more(app)
        assert path.exists()
    finish(app, follower)
    for numbers in follower.seen.values():
        assert numbers == list(range(len(numbers))), "every line is in one of the files"


def test_truncated_by_somebody_else(app: App) -> None:
    """As logrotate does with copytruncate: writers append, so no hole of zeros comes of it."""
    path, follower = begin(app)
    for _ in range(3):
        os.truncate(path, 0)
        follower.wait_for_more(app)
        assert not path.read_bytes().startswith(b"\0")
    finish(app, follower)
    for numbers in follower.seen.values():
        assert numbers == sorted(set(numbers))


def test_deleted_by_somebody_else(app: App) -> None:
    path, follower = begin(app)
    for _ in range(3):
        path.unlink()
        follower.wait_for_more(app)
    finish(app, follower)


def test_a_full_disk_under_the_log_is_told_once_and_hurts_nobody(app: App) -> None:
    app.temporary.mkdir()
    with mounted(app.temporary / "log", "-o", "size=256k") as disk:
        path, follower = begin(app)
        with disks.filled(disk):
            wait_for(lambda: "cannot be written: No space left" in app.console, "a word about it")
            said = app.console.count("main says")
            wait_for(lambda: app.console.count("main says") > said + 100, "the console's lines")
            assert app.console.count("cannot be written: No space left") <= 4, "once a process"
            assert "--- Logging error ---" not in app.console
        follower.wait_for_more(app)
        assert path.exists()
        finish(app, follower)
