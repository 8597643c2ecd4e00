"""What is computed of the figures of a run for the targets of serving."""

from __future__ import annotations

import pytest

from benchmarks.results import Section
from benchmarks.targets import table

BESIDE = "no-op, 1 client, beside a process that computes"


def rows(section: str, **figures: float) -> dict[str, list[str]]:
    """Return the targets' rows for a section's figures, by what they are about."""
    return {row[0]: row[1:] for row in table({section: Section(section, "", "", [], figures)}).rows}


def test_beside_a_busy_process_the_fastest_peer_counts() -> None:
    figures = {"ours-http/beside/1/rate": 900.0, "ours-tcp/beside/1/rate": 1100.0}
    figures |= {"flask/beside/1/rate": 500.0, "fastapi/beside/1/rate": 1000.0}
    figures |= {"bare-http/beside/1/rate": 5000.0, "relay-tcp/beside/1/rate": 5000.0}  # no peers
    found = rows("serving", **figures)
    what = f"{BESIDE}, × fastest peer over HTTP"
    assert found[f"HTTP, {what}"] == ["≥ 1", "0.900", "**no**"]
    assert found[f"TCP, {what}"] == ["≥ 1", "1.10", "yes"]
    assert found[f"HTTP, {BESIDE}, × bare"] == ["≥ 0.5", "not measured", ""]


def test_without_a_peer_nothing_is_ahead() -> None:
    found = rows("serving", **{"ours-http/beside/1/rate": 900.0})
    assert found[f"HTTP, {BESIDE}, × fastest peer over HTTP"] == ["≥ 1", "not measured", ""]


@pytest.mark.parametrize(("seconds", "met"), [(0.070, "yes"), (0.071, "**no**")])
def test_p99_of_batches_is_compared_with_its_images_one_by_one(seconds: float, met: str) -> None:
    # 16 images of 2.2 ms each.
    found = rows("batching", **{"ours-tcp-batches/64/p99_s": seconds})
    what = "64 clients, batches, TCP, p99, × a full batch's images one by one"
    assert found[what] == ["≤ 2", f"{seconds / 0.0352:.2f}", met]


def test_both_protocols_are_compared_with_the_best_peer_with_batches() -> None:
    figures = {"ours-http-batches/64/rate": 2400.0, "ours-tcp-batches/64/rate": 2300.0}
    figures |= {"litserve/64/rate": 2000.0, "mlserver/64/rate": 1000.0}
    found = rows("batching", **figures)
    what = "64 clients, batches, {}, × best peer with batches"
    assert found[what.format("HTTP")] == ["≥ 1.2", "1.20", "yes"]
    assert found[what.format("TCP")] == ["≥ 1.2", "1.15", "**no**"]


def test_of_large_requests_the_worst_load_counts() -> None:
    loads = [f"{kind}/{clients}" for kind in ("base64", "list") for clients in (1, 3)]
    figures = {f"ours-http/{load}/ratio": 1.0 for load in loads}
    figures |= {f"ours-{p}/{load}/memory": 0.1 for p in ("http", "tcp") for load in loads}
    figures |= {"ours-http/list/1/ratio": 0.79, "ours-tcp/list/3/memory": 1.2}
    found = rows("large", **figures)
    ratio = "{}, 20 MB, picture or list, 1 and 3 clients, × bare, least"
    assert found[ratio.format("HTTP")] == ["≥ 0.8", "0.790", "**no**"]
    assert found[ratio.format("TCP")] == ["≥ 0.8", "not measured", ""]
    # 1.2 requests for three under way, and a file for each.
    memory = "web front's memory and the shared file for a request of 20 MB, × request, most"
    assert found[memory] == ["≤ 1.5", "1.40", "yes"]


def test_nothing_is_slower_than_the_early_build() -> None:
    figures = {f"ours-tcp/busy/{clients}/ratio": 0.98 for clients in (1, 8, 64, 512)}
    figures |= {"ours-tcp/noop/64/ratio": 0.75, "ours-tcp/busy/64/ratio": 0.9}
    found = rows("serving", **figures)
    assert found["TCP, 5 ms, 1 to 512 clients, × bare, least"] == ["≥ 0.971", "0.900", "**no**"]
    what = "TCP, no-op, 64 clients, × bare, as the early build"
    assert found[what] == ["≥ 0.763", "0.750", "**no**"]
