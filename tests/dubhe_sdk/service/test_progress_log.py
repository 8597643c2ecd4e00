"""The parent's log of messages, over many processes."""

from __future__ import annotations

from pathlib import Path

from tests.dubhe_sdk.service.algorithms import app_with
from tests.dubhe_sdk.service.harness import App
from tests.support.waiting import wait_for

CHILDREN = 20


def spool_files_of(pid: int, spool: Path) -> list[str]:
    """Return the files of the spool that a process has open."""
    found = []
    for fd in Path("/proc", str(pid), "fd").iterdir():
        try:
            target = str(fd.readlink())
        except OSError:
            continue  # closed meanwhile
        if target.startswith(str(spool)) and ".seg" in target:
            found.append(target)
    return found


def test_files_of_children_that_have_ended_are_closed(tmp_path: Path) -> None:
    train = f"""
        for number in range({CHILDREN}):
            pid = os.fork()
            if pid == 0:
                ctx.logResult(number)
                os._exit(0)
            os.waitpid(pid, 0)
        Path("training").write_text("1")
        while not Path("go on").exists(): time.sleep(0.01)
    """
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.wait_reported("result", CHILDREN)
        serve, spool = app.pid_of("serve"), app.temporary / "spool"
        wait_for(
            lambda: len(spool_files_of(serve, spool)) < CHILDREN / 2,
            lambda: str(spool_files_of(serve, spool)),
        )
        app.write("go on", "")
        app.wait_reported("END 200")
        app.terminate()
        assert app.wait() == 0
        for number in range(CHILDREN):  # each is logged, and once
            assert app.log.count(f" result {number}\n") == 1
