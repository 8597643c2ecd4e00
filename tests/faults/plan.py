"""Which faults come, to whom and after what pause: all of it follows from the seed.

Each container has a track of its own, and so has the broker, so that a fault which takes long (a
broker starts in seconds) holds up no other. A track is endless; the run ends when enough has
happened.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

FREEZE = "freeze"
KILL = "kill"
SIGNAL = "signal"
EVERYTHING = "everything"
WRITER_IN_LARGE = "writer in a large message"
CLOCK = "the first container's clock jumps"
FOREIGN = "other programs write in every codec"  # to the topics of all containers

# What is killed in a container, and how often relative to the others.
SERVICE = {
    "sidecar": 40,
    "model": 12,
    "web": 12,
    "rank": 8,
    "service": 10,
    "launch": 8,
    EVERYTHING: 10,
}
WRITERS = {"sidecar": 46, "writer": 34, "launch": 8, EVERYTHING: 12}
HEAVY = {"sidecar": 36, WRITER_IN_LARGE: 48, "launch": 6, EVERYTHING: 10}
# What comes to the container parent of a service: those that stop it in order, and others.
SIGNALS = ("SIGHUP", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
_SIGNAL_SHARE = 0.12  # of a service's faults
_FREEZE_SHARE = 0.04  # of a container's faults: its sidecar is frozen

BROKER = {
    "kill": 25,
    "stop": 20,
    "freeze": 20,
    "freeze beyond every short timeout": 12,
    "add partitions": 8,
    "topic missing, then created": 10,
    "move behind the same bootstrap": 8,
    "compaction": 4,
    "everything everywhere, the broker too": 5,
    FOREIGN: 12,
    CLOCK: 8,
}
LONGEST = "freeze beyond every timeout of the product"
LONGEST_SECONDS = 128.0  # the stall limit of the product is 120 s
BEYOND_SHORT_SECONDS = (7.0, 9.0)  # that of `tests.faults.short_timeouts` is 6 s


class Fault(NamedTuple):
    """One fault."""

    pause: float
    """Seconds after the one before it on this track has been done."""
    where: str
    """A container's name, or ``broker``."""
    what: str
    target: str = ""
    seconds: float = 0.0
    """How long it lasts, for what lasts."""

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.2f} s" * bool(self.seconds)
        return f"+{self.pause:6.2f} s  {self.where:<10} {self.what} {self.target}{lasts}"


def container_track(
    seed: int, name: str, weights: Mapping[str, int], mean_pause: float
) -> Iterator[Fault]:
    """Yield the faults of a container, without end. Services get signals, too."""
    signals = _SIGNAL_SHARE if weights is SERVICE else 0.0
    rng = random.Random(f"{seed}/{name}")
    while True:
        pause = rng.uniform(0.2, 1.8) * mean_pause
        if rng.random() < _FREEZE_SHARE:
            long = rng.random() < 0.2
            seconds = rng.uniform(*BEYOND_SHORT_SECONDS) if long else rng.uniform(0.1, 2.0)
            yield Fault(pause, name, FREEZE, "sidecar", seconds)
        elif rng.random() < signals:
            yield Fault(pause, name, SIGNAL, rng.choice(SIGNALS))
        else:
            [target] = rng.choices(list(weights), list(weights.values()))
            yield Fault(pause, name, KILL, target)


def broker_track(seed: int, mean_pause: float, *, longest: bool) -> Iterator[Fault]:
    """Yield the faults of the broker, without end: each kind once, then by their weights.

    Args:
        seed: the run's.
        mean_pause: seconds between two, on average.
        longest: whether the one that takes minutes is among them, once.
    """
    rng = random.Random(f"{seed}/broker")
    first = [*BROKER, LONGEST] if longest else list(BROKER)
    rng.shuffle(first)
    while True:
        [what] = [first.pop()] if first else rng.choices(list(BROKER), list(BROKER.values()))
        seconds = rng.uniform(0.2, 2.5)
        if what == LONGEST:
            seconds = LONGEST_SECONDS
        elif "beyond" in what:
            seconds = rng.uniform(*BEYOND_SHORT_SECONDS)
        yield Fault(rng.uniform(0.2, 1.8) * mean_pause, "broker", what, "", seconds)
