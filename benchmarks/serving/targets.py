"""What the serving shall reach: sections ``serving``, ``large``, ``scaling`` and ``batching``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks.serving.contestants import BATCHING, REFERENCES, SERVERS
from benchmarks.serving.servers.batched_model import CALL_SECONDS, IMAGE_SECONDS, MOST
from benchmarks.target import Figures, Target

PROTOCOLS = ("http", "tcp")
PEERS = tuple(
    server.name
    for server in SERVERS
    if server.http and not server.is_ours and server.name not in REFERENCES
)
"""All of them serve HTTP."""
BATCHING_PEERS = tuple(server.name for server in BATCHING if not server.is_ours)

# What a full batch's images take one by one.
_ONE_BY_ONE_SECONDS = MOST * (CALL_SECONDS + IMAGE_SECONDS)
_LARGE = tuple((kind, clients) for kind in ("base64", "list") for clients in (1, 3))
_ALL_CLIENTS = (1, 8, 64, 512)

# Ratios of the build 08399a3, in whose place nothing shall be slower; what a target above asks more
# of is not here.
_EARLY = {"http": {8: 0.778, 64: 1.01, 512: 0.884}, "tcp": {64: 0.763, 512: 0.760}}
_EARLY_BUSY = {"http": 0.957, "tcp": 0.971}


def _figure(name: str, times: float = 1.0) -> Callable[[Figures], float]:
    return lambda figures: figures[name] * times


def _least(names: Iterable[str]) -> Callable[[Figures], float]:
    kept = tuple(names)
    return lambda figures: min(figures[name] for name in kept)


def _lead(ours: str, peers: Iterable[str], load: str) -> Callable[[Figures], float]:
    """Return our rate in those of the fastest peer that was measured."""
    kept = tuple(peers)

    def lead(figures: Figures) -> float:
        rates = [figures[key] for peer in kept if (key := f"{peer}/{load}/rate") in figures]
        if not rates:
            raise KeyError("no peer was measured")
        return figures[f"{ours}/{load}/rate"] / max(rates)

    return lead


def _most_memory(figures: Figures) -> float:
    """Return the web front's memory for each request under way, with its file, in requests."""
    return max(
        1 + figures[f"ours-{protocol}/{kind}/{clients}/memory"] / clients
        for protocol in PROTOCOLS
        for kind, clients in _LARGE
    )


def _serving() -> Iterable[Target]:
    for protocol, clients, bound in (
        ("http", 1, 0.7),
        ("tcp", 1, 0.75),
        ("tcp", 8, 0.75),
    ):
        yield Target(
            f"{protocol.upper()}, no-op, {_many(clients)}, × bare",
            "serving",
            _figure(f"ours-{protocol}/noop/{clients}/ratio"),
            at_least=bound,
        )
    for protocol, early in _EARLY.items():
        for clients, bound in early.items():
            yield Target(
                f"{protocol.upper()}, no-op, {_many(clients)}, × bare, as the early build",
                "serving",
                _figure(f"ours-{protocol}/noop/{clients}/ratio"),
                at_least=bound,
            )
    for protocol in PROTOCOLS:
        yield Target(
            f"{protocol.upper()}, 5 ms, 1 to 512 clients, × bare, least",
            "serving",
            _least(f"ours-{protocol}/busy/{clients}/ratio" for clients in _ALL_CLIENTS),
            at_least=_EARLY_BUSY[protocol],
        )
    for protocol in PROTOCOLS:
        beside = f"{protocol.upper()}, no-op, 1 client, beside a process that computes"
        yield Target(
            f"{beside}, × bare",
            "serving",
            _figure(f"ours-{protocol}/beside/1/ratio"),
            at_least=0.5,
        )
        yield Target(
            f"{beside}, × fastest peer over HTTP",
            "serving",
            _lead(f"ours-{protocol}", PEERS, "beside/1"),
            at_least=1,
        )
    yield Target(
        "HTTP, no-op, 512 clients, heartbeat's p99",
        "serving",
        _figure("ours-http/noop/512/heartbeat_p99_s", 1e3),
        10,
        unit=" ms",
    )


def _large() -> Iterable[Target]:
    for protocol in PROTOCOLS:
        yield Target(
            f"{protocol.upper()}, 20 MB, picture or list, 1 and 3 clients, × bare, least",
            "large",
            _least(f"ours-{protocol}/{kind}/{clients}/ratio" for kind, clients in _LARGE),
            at_least=0.8,
        )
    yield Target(
        "web front's memory and the shared file for a request of 20 MB, × request, most",
        "large",
        _most_memory,
        1.5,
    )


def _batching() -> Iterable[Target]:
    for protocol in PROTOCOLS:
        ours = f"ours-{protocol}-batches"
        yield Target(
            f"64 clients, batches, {protocol.upper()}, × without batches",
            "batching",
            _figure(f"{ours}/64/ratio"),
            at_least=5,
        )
        yield Target(
            f"64 clients, batches, {protocol.upper()}, × best peer with batches",
            "batching",
            _lead(ours, BATCHING_PEERS, "64"),
            at_least=1.2,
        )
        yield Target(
            f"64 clients, batches, {protocol.upper()}, p99, × a full batch's images one by one",
            "batching",
            _figure(f"{ours}/64/p99_s", 1 / _ONE_BY_ONE_SECONDS),
            2,
        )
        yield Target(
            f"1 client, batches, {protocol.upper()}, × without batches",
            "batching",
            _figure(f"{ours}/1/ratio"),
            at_least=0.97,
        )


def _many(clients: int) -> str:
    return f"{clients} client{'s' * (clients > 1)}"


TARGETS = (
    *_serving(),
    *_large(),
    Target(
        "4 model processes that sleep, TCP, × one",
        "scaling",
        _figure("ours-tcp/sleep/4/ratio"),
        at_least=3.6,
    ),
    *_batching(),
)
