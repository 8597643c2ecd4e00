"""The model processes of a service: one, or several for inference."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dubhe_sdk.process import tree
from dubhe_sdk.process.linux import STOP_SIGNAL
from dubhe_sdk.service.children import WORKER_VARIABLE, Child, restart_backoff
from dubhe_sdk.service.loop import Loop


class ModelSlot:
    """The place of one model process. A process that replaces a dead one has the same number.

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
        """How the last process ended; empty while none has died."""
        self.backoff = restart_backoff()

    @property
    def serves(self) -> bool:
        """Whether it takes requests."""
        return self.child is not None and self.constructed


class Models:
    """All model processes. There is one until it is known that more are wanted.

    Args:
        loop: the parent's event loop.
        start: starts the process of a given number.
        on_message: called with each message from one of them.
    """

    def __init__(
        self,
        loop: Loop,
        start: Callable[[int], Child],
        on_message: Callable[[ModelSlot, dict[str, Any]], None],
    ) -> None:
        self._loop = loop
        self._start = start
        self._on_message = on_message
        self._all = [ModelSlot(0)]
        self.batch_size = 1
        """Most inferences in a call, as the algorithm says; with 1 it takes no batches."""
        self.batch_wait_seconds = 0.0
        """How long one may wait for others."""

    def __iter__(self) -> Iterator[ModelSlot]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def first(self) -> ModelSlot:
        """The first one; a training or an evaluation has no other."""
        return self._all[0]

    @property
    def living(self) -> list[ModelSlot]:
        """Those that have a process."""
        return [model for model in self._all if model.child is not None]

    @property
    def pids(self) -> list[int]:
        """The processes' PIDs."""
        return [model.child.pid for model in self._all if model.child is not None]

    @property
    def serving(self) -> list[ModelSlot]:
        """Those that take requests."""
        return [model for model in self._all if model.serves]

    @property
    def unavailable(self) -> tuple[int, ...]:
        """The numbers of those that take no requests."""
        return tuple(model.index for model in self._all if not model.serves)

    def name(self, model: ModelSlot) -> str:
        """Return what to call it in messages: with its number, unless it is the only one."""
        return "the model process" if len(self) == 1 else f"model process {model.index}"

    def describe_missing(self) -> str:
        """Return which processes are missing while others serve; empty if none is."""
        deaths = "; ".join(model.death for model in self if not model.serves and model.death)
        return f"{len(self.serving)} of {len(self)} serve: {deaths}" if deaths else ""

    def grow(self, number: int) -> list[ModelSlot]:
        """Add places until there are ``number``; return the new ones."""
        new = [ModelSlot(index) for index in range(len(self._all), number)]
        self._all += new
        return new

    def start(self, model: ModelSlot) -> None:
        """Start the process of a place.

        Raises:
            OSError: it cannot be started.
        """
        model.failure = None
        model.backoff.started()
        model.child = self._start(model.index)
        self._loop.watch(model.child.channel, partial(self._read, model))

    def collect_dead(self) -> Iterator[tuple[ModelSlot, int]]:
        """Yield each place whose process has died, and the returncode.

        What it had sent before its death has been handled by then.
        """
        for model in self.living:
            child = model.child
            if child is not None and (returncode := child.returncode) is not None:
                self._read(model)
                self._loop.forget(child.channel)
                child.channel.close()
                model.child = None
                model.constructed = False
                yield model, returncode

    def kill_remains(self, dead: ModelSlot, spare: list[int]) -> list[int]:
        """Kill what a dead model process has left behind; return the PIDs.

        Args:
            dead: its process is gone.
            spare: other children of this process.
        """
        others = [*spare, *self.pids]
        if len(self) > 1:
            # Orphans of the others, which live: each inherited its process's number.
            others += [pid for pid in tree.children(os.getpid()) if not _is_of(dead.index, pid)]
        return tree.kill_orphans(os.getpid(), spare=others)

    def signal_stop(self) -> None:
        """Say stop. To be repeated until all are gone: a model ignores it at a bad moment."""
        tree.signal_all(self.pids, STOP_SIGNAL)

    def kill(self, log: logging.Logger) -> None:
        """Kill all that still live."""
        for model in self.living:
            log.warning("%s did not end in time and is killed", self.name(model))
        tree.signal_all(self.pids, signal.SIGKILL)

    def _read(self, model: ModelSlot) -> None:
        if model.child is None:
            return
        received = model.child.channel.poll()
        if received is None:  # it has closed its end; SIGCHLD follows
            self._loop.forget(model.child.channel)
        for message in received or []:
            self._on_message(model, message)


def _is_of(index: int, pid: int) -> bool:
    """Return whether a process inherited the number, or its number is unknown."""
    try:
        words = Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return True  # gone meanwhile, or of another user
    prefix = f"{WORKER_VARIABLE}=".encode()
    return all(word == prefix + b"%d" % index for word in words if word.startswith(prefix))
