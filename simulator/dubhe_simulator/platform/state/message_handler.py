"""What messages and answers mean: they begin and end runs, add points and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dubhe_sdk.contract.messages import STATUS_FAILED, STATUS_OK, MessageType, tells_of_stop
from dubhe_sdk.contract.requests import FLAG_OK, RequestType
from dubhe_simulator.contract.json_safe import DIGITS, LARGEST
from dubhe_simulator.contract.message import HEADER_BATCH, Message
from dubhe_simulator.platform.curves.store import CurveStore
from dubhe_simulator.platform.state.records import InstanceRecord, Run
from dubhe_simulator.platform.state.results import ResultBuffer
from dubhe_simulator.platform.state.runs import Runs
from dubhe_simulator.platform.state.summary import summarize
from dubhe_simulator.sources.record import number, reported_at

WAIT_FOR_START_S = 5.0  # results lie in another topic and may overtake their START


class MessageHandler:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        runs: the runs.
        curves: the curves.
        results: the results.
    """

    def __init__(self, runs: Runs, curves: CurveStore, results: ResultBuffer) -> None:
        self._runs = runs
        self._curves = curves
        self._results = results

    def handle(self, record: InstanceRecord, message: Message) -> None:
        """Take in a message that arrived for the first time."""
        reported, at = record.reported, reported_at(message)
        reported.first_ms = min(reported.first_ms, at) if reported.first_ms else at
        if at >= reported.last_ms:  # what was said before END may arrive after it
            reported.last_ms = at
            reported.last = summarize(message)
        if message.mes_type == MessageType.RESULT:
            self._result(record, at, message.data)
        elif message.mes_type == MessageType.PROGRESS:
            self._progress(record, at, message)
        elif message.action == "READY":
            reported.ready = True
        elif message.action == "START":
            self._start(record, at)
        else:
            self._end(record, at, message.data)

    def answer(
        self, record: InstanceRecord, send: int, at_ms: int, body: dict[str, Any],
        reply: dict[str, Any] | None, ms: float,
    ) -> Run | None:  # fmt: skip
        """Take in a request's answer; an inference is a run of its own, its reply the results.

        Args:
            record: the instance that was asked.
            send: the request's number.
            at_ms: when it was sent, in ms since 1970.
            body: the request.
            reply: the answer, if there is one.
            ms: how long it took.
        """
        if body.get("req_type") != RequestType.INFERENCE or reply is None:
            return None
        run = self._runs.add(record, at_ms, send)
        run.ended_ms = at_ms + int(ms)
        run.message = str(reply.get("message", ""))
        run.status = STATUS_OK if reply.get("flag") == FLAG_OK else STATUS_FAILED
        if run.status == STATUS_OK:
            run.share = 1.0
            run.count(*self._results.add(record.id, run.id, at_ms, reply.get("data")))
        return run

    def open_for_waiting(self, record_of: Callable[[str], InstanceRecord]) -> list[InstanceRecord]:
        """Give results whose START does not come a run; return whose they are."""
        found = []
        for instance, at in self._results.waited_longer_than(WAIT_FOR_START_S):
            record = record_of(instance)
            before = self._runs.get(record.reported.last_run)
            if record.reported.open_run is None and not (before and before.ended_ms):
                self._start(record, at)
            elif before is not None:
                self._claim(before, from_ms=0)
            found.append(record)
        return found

    def _start(self, record: InstanceRecord, at: int) -> Run:
        reported = record.reported
        self._runs.end(record, at, None, "")  # one is open still if its END never came
        run = self._runs.add(record, at)
        reported.open_run = run.id
        reported.end, reported.end_message, reported.end_stopped = None, "", False
        self._claim(run, from_ms=at)
        return run

    def _end(self, record: InstanceRecord, at: int, data: Any) -> None:
        reported = record.reported
        reported.end = STATUS_OK if data["status"] == STATUS_OK else STATUS_FAILED
        reported.end_message = str(data.get("msg", ""))
        # The SDK gives the stop as the reason. Others do not: then it counts what was first.
        asked_ms = record.managed.stopped_ms
        reported.end_stopped = reported.end == STATUS_FAILED and (
            tells_of_stop(reported.end_message) or 0 < asked_ms < at
        )
        self._runs.end(record, at, reported.end, reported.end_message, stopped=reported.end_stopped)

    def _progress(self, record: InstanceRecord, at: int, message: Message) -> None:
        run = self._runs.under_way(record) or self._just_ended(record, at)
        run = run or self._start(record, at)
        share, epoch = number(message.data.get("progress")), number(message.data.get("epoch"))
        if share is not None:
            run.share = min(1.0, max(0.0, share)) if share == share else run.share
            run.progress_ms = max(run.progress_ms, at)
        if epoch is not None and abs(epoch) < LARGEST:
            run.epoch = int(epoch)
            part = _part(message.headers.get(HEADER_BATCH))
            run.by_batch = run.by_batch or part is not None
            run.epoch_place = epoch + (part or float(run.by_batch))
        for name, raw in message.data.items():
            value = number(raw)
            if name not in ("progress", "epoch") and value is not None:
                self._curves.append(run.id, name, run.epoch_place, at, value)
        self._runs.mark_changed(run)

    def _just_ended(self, record: InstanceRecord, at: int) -> Run | None:
        """Return the last run if a message was reported before its end."""
        last = self._runs.get(record.reported.last_run)
        late = last is not None and last.ended_ms is not None and at <= last.ended_ms
        return last if late else None

    def _result(self, record: InstanceRecord, at: int, data: Any) -> None:
        run = self._runs.at(record, at)
        images, labelled = self._results.add(record.id, run.id if run else None, at, data)
        if run is not None:
            run.count(images, labelled)
            self._runs.mark_changed(run)

    def _claim(self, run: Run, from_ms: int) -> None:
        for result in self._results.claim(run.instance, run.id, from_ms):
            run.count(int(result.image), result.labelled)
            self._runs.mark_changed(run)


def _part(batch: str | None) -> float | None:
    """Return how much of an epoch is done, from the header ``index/batches``; None without one."""
    index, slash, batches = (batch or "").partition("/")
    longest = max(len(index), len(batches))  # numbers of any length would not fit a float
    whole = longest <= DIGITS and index.isdecimal() and batches.isdecimal()
    if slash and whole and int(batches) > 0:
        return (int(index) + 1) / int(batches)
    return None
