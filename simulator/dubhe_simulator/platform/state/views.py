"""The book's contents as the page knows them. The book's lock is held by the caller."""

from __future__ import annotations

from typing import Any

from dubhe_simulator.platform.state.records import Account, Run
from dubhe_simulator.platform.state.registry import Book
from dubhe_simulator.platform.state.status import state_of
from dubhe_simulator.terminal.view import Progress


def instance_view(
    book: Book, account: Account, has_log: bool, delivery: dict[str, Any] | None
) -> dict[str, Any]:
    """Return an instance.

    Args:
        book: the account of everything.
        account: the instance's.
        has_log: whether its log can be read.
        delivery: what its sidecar says, if that is known.
    """
    said, known = account.said, account.known
    state, reason = state_of(account, book.life)
    run = book.runs.get(said.last_run)
    return {
        "id": account.id,
        "kind": account.kind_word,
        "state": state,
        "reason": reason,
        "owned": known.owned and known.life == book.life and not known.gone,
        "protocol": known.protocol,
        "address": known.address,
        "first_ms": said.first_ms or known.created_ms,
        "last_ms": said.last_ms or known.created_ms,
        "last": said.last,
        "messages": said.messages,
        "repeats": said.repeats,
        "broken": said.broken,
        "progress": run.share if run else None,
        "remaining_s": remaining_s(run) if state == "running" and run else None,
        "run": run.id if run else None,
        "has_log": has_log,
        "delivery": delivery,
    }


def run_view(book: Book, run: Run) -> dict[str, Any]:
    """Return a run."""
    return {
        "id": run.id,
        "instance": run.instance,
        "kind": run.kind,
        "number": run.number,
        "started_ms": run.started_ms,
        "ended_ms": run.ended_ms,
        "status": run.status,
        "message": run.message,
        "progress": run.share,
        "epoch": run.epoch,
        "remaining_s": remaining_s(run),
        "metrics": [curve.view() for curve in book.curves.of(run.id).values()],
        "results": run.results,
        "images": run.images,
        "truth": run.labelled,
    }


def remaining_s(run: Run) -> float | None:
    """Return the seconds left as of the latest progress, if it goes on like this."""
    if run.share is None or run.ended_ms is not None:
        return None
    elapsed = max(0.0, (run.progress_ms - run.started_ms) / 1000)
    remaining = Progress(run.share, run.epoch, {}, elapsed).remaining
    return None if remaining is None else round(remaining, 1)
