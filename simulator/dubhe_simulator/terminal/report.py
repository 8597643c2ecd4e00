"""What is told at the end: how good the model is, what arrived, where everything lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.contract.predictions import (
    Prediction,
    accuracy,
    confusion,
    false_finds,
    results_in,
)
from dubhe_simulator.i18n import translate
from dubhe_simulator.stage import StageReport
from dubhe_simulator.story import StoryReport
from dubhe_simulator.tally import COLUMNS
from dubhe_simulator.terminal.screen import pad, width

MATRIX_LABELS = 20  # more classes do not fit into a terminal
PAIRS = 10
TAIL_LINES = 20
TAIL_BYTES = 64 * 1024


def report_lines(report: StoryReport) -> Iterator[str]:
    """Yield the lines for a story that went well."""
    for kind in (TaskKind.TRAIN, TaskKind.EVALUATE):
        yield from _quality(kind, report.predictions(kind))
    yield from confusion_lines(report.predictions(TaskKind.EVALUATE))
    yield ""
    if TaskKind.INFER in report.stages:
        yield from _answer(report.answer)
        yield ""
    yield from delivery_lines(report.stages)
    yield ""
    yield from _places(report)
    yield ""
    yield translate("done", seconds=report.seconds)


def confusion_lines(predictions: Iterable[Prediction]) -> Iterator[str]:
    """Yield the confusion matrix, or for many classes the pairs most often confused."""
    counts = confusion(predictions)
    if not counts:
        return
    labels = sorted({label for pair in counts for label in pair}, key=_natural)
    yield ""
    if len(labels) > MATRIX_LABELS:
        yield translate("confused_pairs")
        wrong = Counter({pair: n for pair, n in counts.items() if pair[0] != pair[1]})
        for (truth, predicted), number in wrong.most_common(PAIRS):
            yield f"  {number:5d}  {truth} → {predicted}"
        return
    yield translate("matrix")
    column = max(4, *(width(label) + 1 for label in labels))
    yield " " * (column + 2) + "".join(_right(label, column) for label in labels)
    for truth in labels:
        cells = (counts[truth, predicted] for predicted in labels)
        row = "".join(_right(str(cell) if cell else "·", column) for cell in cells)
        yield "  " + _right(truth, column) + row


def delivery_lines(stages: dict[TaskKind, StageReport]) -> Iterator[str]:
    """Yield what was said and what arrived, by type of message."""
    columns = [c for c in COLUMNS if any(stage.tally.by_word[c] for stage in stages.values())]
    heads = [
        *columns,
        *(translate(f"head_{name}") for name in ("reported", "received", "gaps", "repeats")),
    ]
    widths = [max(8, width(head)) + 2 for head in heads]
    label = pad(translate("messages"), 14)
    yield label + "".join(_right(head, w) for head, w in zip(heads, widths, strict=True))
    for kind, stage in stages.items():
        tally = stage.tally
        numbers = [tally.by_word[column] for column in columns]
        numbers += [stage.reported, tally.received, tally.gaps, tally.repeats]
        row = "".join(_right(str(n), w) for n, w in zip(numbers, widths, strict=True))
        yield "  " + pad(translate(f"kind_{kind.value}"), 12) + row
        if tally.unnumbered:
            yield "  ! " + translate("unnumbered", number=tally.unnumbered)
    sent = sum(stage.heartbeats_sent for stage in stages.values())
    yield translate("heartbeats", sent=sent, lost=sum(s.heartbeats_lost for s in stages.values()))


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


def _quality(kind: TaskKind, predictions: list[Prediction]) -> Iterator[str]:
    share = accuracy(predictions)
    known = [p for p in predictions if p.truth]
    if share is not None:
        right = sum(p.truth == p.predicted for p in known)
        text = translate(f"accuracy_{kind.value}", share=share, right=right, total=len(known))
        yield text
        if false := false_finds(predictions):
            yield translate("false_finds", number=false)


def _answer(answer: object) -> Iterator[str]:
    results = list(results_in(answer))
    yield translate("inference_results")
    if not results:
        yield f"  {answer!r}"
    for image in results:
        for p in image.predictions:
            conf = "" if p.confidence is None else f"  ({p.confidence:.4f})"
            yield f"  {image.path}  →  {p.predicted}{conf}"


def _places(report: StoryReport) -> Iterator[str]:
    run = report.config.run
    yield translate("place_model", path=report.model)
    if report.config.backend.keeps_logs:
        yield translate("place_logs", path=run / "*" / "log" / "dubhe.log")
    if report.config.brokers is None:
        yield translate("place_journal", path=run / "*" / "journal")
    else:
        topics = ", ".join(report.config.topics)
        yield translate("place_kafka", brokers=report.config.brokers, topics=topics)


def _right(text: str, columns: int) -> str:
    return " " * max(0, columns - width(text)) + text


def _natural(label: str) -> tuple[int, int, str]:
    return (0, int(label), "") if label.isdecimal() else (1, 0, label)
