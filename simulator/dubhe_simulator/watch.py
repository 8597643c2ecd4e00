"""Follows one instance through its messages until something awaited arrives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dubhe_sdk.contract.messages import MessageType
from dubhe_simulator.client.heartbeat import HeartbeatMonitor
from dubhe_simulator.contract.message import Message
from dubhe_simulator.contract.predictions import Prediction, predictions_in
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance
from dubhe_simulator.sources import Source, SourceBroken
from dubhe_simulator.tally import Tally
from dubhe_simulator.terminal.view import Progress, View

POLL_S = 0.2


class Watch:
    """What one instance said so far, and waiting for more.

    Args:
        instance: the running instance.
        source: its messages.
        view: whom to tell.
    """

    def __init__(self, instance: Instance, source: Source, view: View) -> None:
        self._instance = instance
        self._source = source
        self._view = view
        self._metrics: dict[str, float] = {}
        self._epoch: int | None = None
        self._started_at: float | None = None
        self.heartbeat_monitor: HeartbeatMonitor | None = None
        self.tally = Tally()
        self.predictions: list[Prediction] = []
        self.last_progress: Progress | None = None

    def wait_for(self, action: str, timeout: float) -> None:
        """Wait until the instance says ``READY``, ``START`` or ``END``.

        Raises:
            TaskFailed: it reported a failure, ended, or the time is over.
        """
        deadline = time.monotonic() + timeout
        while True:
            ended = self._instance.ended()
            # Once it has ended, the rest of its messages is there: look before giving up.
            messages = self._drain() if ended else self._poll(POLL_S)
            seen = self._take(messages, action)
            if self.heartbeat_monitor is not None:
                self.heartbeat_monitor.report(self._view.heartbeat)
            if seen:
                return
            if ended:
                raise self.failure(translate("ended_early", status=ended.status, action=action))
            if time.monotonic() > deadline:
                raise self.failure(translate("timeout", action=action, seconds=timeout))

    def take_rest(self) -> None:
        """Take in what is left after the instance's end."""
        self._take(self._drain(), None)

    def failure(self, text: str) -> TaskFailed:
        """Return the error that says what failed, and where to read more."""
        kind = translate(f"kind_{self._instance.kind.value}")
        return TaskFailed(
            translate("task_failed", kind=kind, instance_id=self._instance.id, text=text),
            self._instance.logs,
        )

    def _poll(self, timeout: float) -> list[Message]:
        return self._read(lambda: self._source.poll(timeout))

    def _drain(self) -> list[Message]:
        return self._read(self._source.drain)

    def _read(self, how: Callable[[], list[Message]]) -> list[Message]:
        try:
            return how()
        except SourceBroken as error:
            raise self.failure(translate("source_broken", error=error)) from error

    def _take(self, messages: list[Message], awaited: str | None) -> bool:
        self.tally.add(messages)
        seen = False
        for message in messages:
            if message.action == "START":
                self._started_at = time.monotonic()
            elif message.mes_type == MessageType.RESULT:
                self.predictions += predictions_in(message.data)
            elif message.mes_type == MessageType.PROGRESS and isinstance(message.data, dict):
                self._progress(message.data)
            seen = seen or (awaited is not None and message.action == awaited)
        for message in messages:
            if message.failed and awaited is not None:
                raise self.failure(str(message.data.get("msg")))
        return seen

    def _progress(self, data: dict[str, Any]) -> None:
        numbers = {
            name: float(value)
            for name, value in data.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        share = numbers.pop("progress", None)
        epoch = numbers.pop("epoch", None)
        self._metrics.update(numbers)
        self._epoch = self._epoch if epoch is None else int(epoch)
        begun = self._started_at or time.monotonic()
        if share is not None:
            share = min(1.0, max(0.0, share))
            elapsed = time.monotonic() - begun
            self.last_progress = Progress(share, self._epoch, dict(self._metrics), elapsed)
            self._view.progress(self._instance.kind, self.last_progress)
