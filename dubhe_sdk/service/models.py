"""The model processes of a service: one, or several for inference."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dubhe_sdk.process import tree
from dubhe_sdk.service.children import WORKER_VARIABLE, Child, restart_backoff


class Model:
    """A model process's place; whoever is started in it after a death has the same number.

    Args:
        index: its number, from 0.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.child: Child | None = None
        self.constructed = False
        self.failure: str | None = None
        """Why the class could not be constructed."""
        self.death = ""
        """How the last process ended, in words; empty while none has died."""
        self.backoff = restart_backoff()

    @property
    def serves(self) -> bool:
        """Whether it takes requests."""
        return self.child is not None and self.constructed


class Models:
    """All of them. There is one until it is known that more are wanted."""

    def __init__(self) -> None:
        self._all = [Model(0)]

    def __iter__(self) -> Iterator[Model]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def grow(self, number: int) -> list[Model]:
        """Make places until there are ``number``; return the new ones."""
        new = [Model(index) for index in range(len(self._all), number)]
        self._all += new
        return new

    @property
    def living(self) -> list[Model]:
        """Those that have a process."""
        return [model for model in self._all if model.child is not None]

    @property
    def pids(self) -> list[int]:
        """The processes' PIDs."""
        return [model.child.pid for model in self._all if model.child is not None]

    @property
    def serving(self) -> list[Model]:
        """Those that take requests."""
        return [model for model in self._all if model.serves]

    @property
    def unavailable(self) -> tuple[int, ...]:
        """The numbers of those that take no requests."""
        return tuple(model.index for model in self._all if not model.serves)

    def name(self, model: Model) -> str:
        """Return what to call it: with its number, unless it is the only one."""
        return "the model process" if len(self) == 1 else f"model process {model.index}"

    def kill_remains(self, dead: Model, spare: list[int]) -> list[int]:
        """Kill what a dead model process has left behind; return the PIDs.

        Args:
            dead: the process is gone.
            spare: other children of this process.
        """
        others = [*spare, *self.pids]
        if len(self) > 1:
            # Orphans of the others, which live: each inherited its process's number.
            others += [pid for pid in tree.children(os.getpid()) if not _is_of(dead.index, pid)]
        return tree.kill_orphans(os.getpid(), spare=others)


def _is_of(index: int, pid: int) -> bool:
    """Return whether a process inherited the number, or none is known of it."""
    try:
        words = Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return True  # gone meanwhile, or of another user
    prefix = f"{WORKER_VARIABLE}=".encode()
    return all(word == prefix + b"%d" % index for word in words if word.startswith(prefix))
