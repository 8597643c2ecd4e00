"""The report after a workflow: how good the model is, what arrived, where everything lies.

All figures are the platform's own, the same that the page shows.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.state.message_stats import MESSAGE_TYPES, MessageStats
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.platform.workflow_events import WorkflowResult
from dubhe_simulator.terminal.screen import fit, pad, width

MATRIX_LABELS = 20  # more classes do not fit into a terminal
PAIRS = 10
PLAIN_RESULTS = 3
IMAGES = 10_000
PLAIN_WIDTH = 160
TAIL_LINES = 20
TAIL_BYTES = 64 * 1024

Summary = Mapping[str, Any]


def report_lines(
    platform: Platform, result: WorkflowResult, stats: Mapping[TaskKind, MessageStats]
) -> Iterator[str]:
    """Yield the lines for a workflow that went well.

    Args:
        platform: which did it.
        result: what it did.
        stats: the counts of messages, by the kind of task.
    """
    sections: list[Iterable[str]] = [
        _quality(platform, kind, result.runs[kind])
        for kind in (TaskKind.TRAIN, TaskKind.EVALUATE)
        if kind in result.runs
    ]
    if (number := result.runs.get(TaskKind.INFER)) is not None:
        sections.append(_answer(platform, number))
    sections.append((*delivery_lines(stats), _heartbeats(platform, result)))
    sections += [_places(platform, result), [translate("done", seconds=result.seconds)]]
    for lines in filter(None, map(list, sections)):
        yield ""
        yield from lines


def matrix_lines(summary: Summary) -> Iterator[str]:
    """Yield the confusion matrix, or for many classes the pairs most often confused."""
    none = translate("no_class")
    labels = [*summary["classes"], none]
    counts = {
        (labels[truth], labels[predicted]): number for truth, predicted, number in summary["cells"]
    }
    if none not in {label for pair in counts for label in pair}:
        labels.remove(none)
    yield ""
    if len(labels) > MATRIX_LABELS:
        yield translate("confused_pairs")
        wrong = [(number, *pair) for pair, number in counts.items() if pair[0] != pair[1]]
        for number, truth, predicted in sorted(wrong, key=lambda row: -row[0])[:PAIRS]:
            yield f"  {number:5d}  {truth} → {predicted}"
        return
    yield translate("matrix")
    column = max(4, *(width(label) + 1 for label in labels))
    yield " " * (column + 2) + "".join(_right(label, column) for label in labels)
    for truth in labels:
        cells = (str(counts.get((truth, predicted)) or "·") for predicted in labels)
        yield "  " + _right(truth, column) + "".join(_right(cell, column) for cell in cells)


def delivery_lines(stats: Mapping[TaskKind, MessageStats]) -> Iterator[str]:
    """Yield what was reported and what arrived, by type of message."""
    columns = [c for c in MESSAGE_TYPES if any(s.by_type.get(c) for s in stats.values())]
    totals = ("reported", "received", "gaps", "duplicates")
    heads = [*columns, *(translate(f"head_{name}") for name in totals)]
    widths = [max(8, width(head)) + 2 for head in heads]
    label = pad(translate("messages"), 14)
    yield label + "".join(_right(head, w) for head, w in zip(heads, widths, strict=True))
    for kind, of in stats.items():
        numbers = [of.by_type.get(column, 0) for column in columns]
        numbers += [getattr(of, name) for name in totals]
        row = "".join(_right(str(n), w) for n, w in zip(numbers, widths, strict=True))
        yield "  " + pad(translate(f"kind_{kind.value}"), 12) + row
        if of.unnumbered:
            yield "  ! " + translate("unnumbered", number=of.unnumbered)


def tail_lines(logs: Iterable[Path]) -> Iterator[str]:
    """Yield the end of the first log that is not empty, under its path."""
    for log in logs:
        try:
            with log.open("rb") as file:
                file.seek(max(0, log.stat().st_size - TAIL_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
        except OSError:
            continue  # it was never written
        if lines:
            yield translate("log_tail", log=log)
            yield from (f"  | {line}" for line in lines)
            return


def _quality(platform: Platform, kind: TaskKind, number: int) -> Iterator[str]:
    run = platform.registry.runs.get(number)
    assert run is not None
    summary = result_queries.summary(platform.database, run.id, run.labelled, 0.0)
    share, false = summary["accuracy"], summary["outcomes"]["false"]
    if share is not None:
        right, total = summary["outcomes"]["right"], summary["judged"]
        yield translate(f"accuracy_{kind.value}", share=share, right=right, total=total)
        if false:
            yield translate("false_finds", number=false)
        if kind is TaskKind.EVALUATE:
            yield from matrix_lines(summary)
    total, items = result_queries.plain_results(platform.database, run.id, PLAIN_RESULTS)
    if total:
        yield translate(f"plain_{kind.value}", number=total)
        yield from (f"  {fit(item, PLAIN_WIDTH)}" for item in items)


def _answer(platform: Platform, number: int) -> Iterator[str]:
    wanted = result_queries.Filter()
    yield translate("inference_results")
    _, items = result_queries.images(platform.database, number, False, wanted, 0, IMAGES)
    for item in items:
        if item["plain"] is not None:
            yield f"  {fit(item['plain'], PLAIN_WIDTH)}"
        for p in item["predictions"]:
            conf = "" if p["conf"] is None else f"  ({p['conf']:.4f})"
            yield f"  {item['img_path']}  →  {p['predicted']}{conf}"


def _heartbeats(platform: Platform, result: WorkflowResult) -> str:
    managed = [platform.manager.find(name) for name in result.instances.values()]
    counts = [each.heartbeats for each in managed if each is not None]
    sent, lost = (sum(column) for column in zip(*counts, strict=True))
    return translate("heartbeats", sent=sent, lost=lost)


def _places(platform: Platform, result: WorkflowResult) -> Iterator[str]:
    config = platform.config
    if result.model is not None:
        yield translate("place_model", path=result.model)
    if result.folder is not None:
        yield translate("place_logs", path=result.folder / "*" / "log" / "dubhe.log")
    if config.brokers is not None:
        topics = ", ".join(config.topics)
        yield translate("place_kafka", brokers=config.brokers, topics=topics)
    elif result.folder is not None:
        yield translate("place_journal", path=result.folder / "*" / "journal")
    yield translate("place_page", runs=shlex.quote(str(config.runs)))


def _right(text: str, columns: int) -> str:
    return " " * max(0, columns - width(text)) + text
