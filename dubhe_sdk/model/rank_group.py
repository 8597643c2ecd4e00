"""`RankGroup`: ranks that a launcher has started beside the service, in ``run.sh``.

``torchrun --nproc-per-node=4 app.py`` starts the script four times. Rank 0 becomes the service. The
others are no children of it, and have to learn of its tasks. They share the launcher's address and
port, and after those a file is named, in which the model process of rank 0 says where its tasks
appear. It holds a lock on the file as long as it lives, so the others know when to end. A task has
ended when it has ended in all of them: each says so in a file of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dubhe_sdk.api.stopping import TASK_VARIABLE
from dubhe_sdk.api.task_gate import TaskGate
from dubhe_sdk.ipc.rank_failures import read_failures
from dubhe_sdk.rank_environment import group_of
from dubhe_sdk.reporting.reporter import SERVICE_VARIABLE

# The group is in another process tree: nothing can be awaited but the files themselves.
_POLL_SECONDS = 0.05
# What ranks need to report as the service's own processes do.
_HANDED_ON = (TASK_VARIABLE, SERVICE_VARIABLE, "INSTANCE_ID")


def group_file(temporary: Path, env: Mapping[str, str]) -> Path:
    """Return the file of this process's group; arguments as of `RankGroup.of`."""
    name, _ = group_of(env)
    return temporary / "ranks" / f"{re.sub(r'[^0-9A-Za-z.-]', '_', name)}.json"


class RankGroup(NamedTuple):
    """The ranks of one launcher on one machine."""

    path: Path
    size: int
    """How many they are, rank 0 among them."""

    @classmethod
    def of(cls, temporary: Path, env: Mapping[str, str]) -> RankGroup:
        """Return this process's group, by what launchers set for every rank.

        Args:
            temporary: the folder of the SDK's files.
            env: as `dubhe_sdk.rank_environment` describes it.
        """
        _, size = group_of(env)
        return cls(group_file(temporary, env), size)

    @contextmanager
    def lead(self) -> Iterator[None]:
        """Say where tasks appear, as long as the block runs. In the model process of rank 0."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in self._done():
            path.unlink(missing_ok=True)  # of a launcher that had the same port
        new = self.path.with_suffix(".new")
        with new.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            json.dump({name: os.environ.get(name, "") for name in _HANDED_ON}, file)
            file.flush()
            new.replace(self.path)
            try:
                yield
            finally:
                for path in (self.path, *self._done()):
                    path.unlink(missing_ok=True)

    def wait(self, task_file: Path) -> None:
        """Wait until the running task has ended in all others, too, or one of them has failed.

        Args:
            task_file: of the task.
        """
        task = str(TaskGate.of(str(task_file)))
        while not read_failures(task_file):
            if sum(path.read_text() == task for path in self._done()) >= self.size - 1:
                return
            time.sleep(_POLL_SECONDS)

    def _done(self) -> list[Path]:
        return list(self.path.parent.glob(f"{self.path.stem}.done-*"))

    def tasks(self, rank: int) -> Iterator[None]:
        """Yield once for each task that rank 0 runs; end when rank 0 has ended.

        The environment is then that of a child process of the service, so that
        `dubhe_sdk.current_context` gives the task's context.

        Args:
            rank: this process's.
        """
        done = self.path.with_suffix(f".done-{rank}")
        while not self.path.exists():
            time.sleep(_POLL_SECONDS)
        with self.path.open() as file:
            os.environ.update(json.load(file))
            last: TaskGate | None = None
            while not _is_free(file.fileno()):
                gate = TaskGate.of(os.environ[TASK_VARIABLE])
                if gate is None or gate == last:
                    time.sleep(_POLL_SECONDS)
                else:
                    last = gate
                    yield
                    new = done.with_suffix(f".new-{rank}")
                    new.write_text(str(gate))
                    new.replace(done)


def _is_free(fd: int) -> bool:
    """Return whether the lock's holder is gone."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
