"""`Play`: what the platform and its operator do to one instance while it runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from tests.dubhe_sdk.service.harness import App
from tests.hostile import account
from tests.support.waiting import wait_for

_HEARTBEAT_EVERY_SECONDS = 0.05


class Play:
    """The platform's side of one case.

    Args:
        app: started.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.replies: list[dict[str, Any]] = []
        self.asked_ms: int | None = None
        self._ends = 0

    # --- the platform -------------------------------------------------------------------------

    def ready(self) -> None:
        """Wait for READY."""
        self.app.wait_reported("READY")

    def start(self, **fields: Any) -> dict[str, Any]:
        """Send the start request that fits the instance; return the reply.

        Each is of another `algorithm_id`, by which the account names its task.
        """
        send = self.app.predict if "forecast" in self.app.instance_id else self.app.train
        name = f"task {len(self.replies) + 1}"
        self.replies.append(send(**{"algorithm_id": name, **fields}))
        return self.replies[-1]

    def wait_end(self) -> None:
        """Wait for the next END."""
        self._ends += 1
        self.app.wait_reported("END", self._ends)

    def task(self, **fields: Any) -> None:
        """Have a task run to its END."""
        assert self.start(**fields)["flag"] == 1, self.replies
        self.wait_end()

    def infer(self, *names: str, **fields: Any) -> dict[str, Any]:
        """Have images inferred; return the reply."""
        self.replies.append(self.app.infer(image_names=list(names), **fields))
        return self.replies[-1]

    # --- the operator -------------------------------------------------------------------------

    def wait_note(self, what: str, count: int = 1) -> dict[str, Any]:
        """Wait until the algorithm has noted something; return the note."""

        def noted() -> list[dict[str, Any]]:
            found = [e for e in account.read(self._account) if e["what"] == what]
            return found if len(found) >= count else []

        return wait_for(noted, lambda: f"the note {what!r}\n{self.app.console}")[-1]

    def stop(self, signum: int = signal.SIGTERM, pid: int | None = None) -> None:
        """Ask for a stop by a signal to what was started, or to another process."""
        if self.asked_ms is None:
            self.asked_ms = time.time_ns() // 1_000_000
        os.kill(self.app.pid if pid is None else pid, signum)

    def container_parent(self) -> int:
        """Return the PID of `dubhe launch`, which a user's shell may lie above."""
        living = self.app.marked.living()
        return next(pid for pid, line in living.items() if "dubhe.py launch -- " in line)

    def finish(self) -> int:
        """Stop it unless that was asked for, or it has ended; return the exit status."""
        assert self.app.process is not None
        if self.asked_ms is None and self.app.process.poll() is None:
            self.stop()
        return self.wait_exit()

    def wait_exit(self) -> int:
        """Wait until it and all that it started have ended; return the exit status."""
        status = self.app.wait()
        self.app.wait_gone()
        return status

    @property
    def _account(self) -> Any:
        return self.app.folder / "account.jsonl"


class Heartbeats(threading.Thread):
    """Asks for the heartbeat all the time, from when the port opens, as the platform does.

    Args:
        app: the service.
    """

    def __init__(self, app: App) -> None:
        super().__init__(name="heartbeats", daemon=True)
        self.answered = 0
        self.missed: list[tuple[int, str]] = []
        self._app = app
        self._over = threading.Event()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Ask until `stop`."""
        while not self._over.wait(_HEARTBEAT_EVERY_SECONDS):
            begun_ms = time.time_ns() // 1_000_000
            try:
                reply = self._app.send(0)
            except (OSError, ValueError) as error:
                if self.answered:  # before: the port is not open yet
                    self.missed.append((begun_ms, repr(error)))
                continue
            if reply["flag"] == 1:
                self.answered += 1
            else:
                self.missed.append((begun_ms, str(reply)))


# --- what is done in most cases ---------------------------------------------------------------


def one_task(play: Play) -> None:
    """READY, a task, its END."""
    play.ready()
    play.task()


def two_tasks(play: Play) -> None:
    """The same, and another task."""
    one_task(play)
    play.task()


def stopped(play: Play) -> None:
    """A task that is stopped by SIGTERM in its midst."""
    play.ready()
    assert play.start()["flag"] == 1
    play.wait_note("training")
    play.stop()


def does_not_start(play: Play) -> None:
    """It ends by itself, before READY."""
    play.wait_exit()


def six_inferences(play: Play) -> None:
    """READY, then six inferences, each of another image."""
    play.ready()
    for number in range(6):
        play.infer(f"{number}.png")
