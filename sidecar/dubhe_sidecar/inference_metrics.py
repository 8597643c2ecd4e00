"""The figures of inferences as Prometheus's samples: what the web front counts, read in its state.

They are the running service's, and begin anew when its web front is started again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple


class Family(NamedTuple):
    """Samples of one name: suffix, further labels, value."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, dict[str, str], float]]


def families(services: list[dict[str, Any]]) -> Iterator[Family]:
    """Yield the families of the latest service that has reported; none if none has.

    Args:
        services: the states of the services that use the spool, the latest last.
    """
    reported = [one["inferences"] for one in services if one.get("inferences")]
    if not reported:
        return
    figures = reported[-1]
    waits = figures["waits"]
    yield Family(
        "inference_wait_seconds",
        "histogram",
        "Time for which inferences waited until they began.",
        _histogram(waits, at_once=figures["begun_at_once"]),
    )
    yield Family(
        "inference_batch_size",
        "histogram",
        "Requests in each call of a method that takes batches.",
        _histogram(figures["batches"]),
    )
    yield Family(
        "inferences_refused_total",
        "counter",
        "Inferences that were refused because the queue was full, or they waited too long.",
        [("", {}, figures["refused"])],
    )
    yield Family(
        "inferences_abandoned_total",
        "counter",
        "Inferences that were not run because their client had gone while they waited.",
        [("", {}, figures["abandoned"])],
    )
    yield Family(
        "inferences_waiting", "gauge", "Inferences that wait.", [("", {}, figures["waiting"])]
    )


def _histogram(
    figures: Mapping[str, Any], at_once: int = 0
) -> list[tuple[str, dict[str, str], float]]:
    counts = list(accumulate(figures["counts"], initial=at_once))[1:]
    bounds = [*(f"{bound:g}" for bound in figures["bounds"]), "+Inf"]
    buckets = [
        ("_bucket", {"le": bound}, float(count))
        for bound, count in zip(bounds, counts, strict=True)
    ]
    return [*buckets, ("_sum", {}, figures["sum"]), ("_count", {}, float(counts[-1]))]
