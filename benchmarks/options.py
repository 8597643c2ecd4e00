"""What the command is asked for, and how much it measures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.environments import CACHE, ROOT

SECTIONS = (
    "reporting",
    "training",
    "frameworks",
    "delivery",
    "recovery",
    "latency",
    "serving",
    "batching",
    "large",
    "scaling",
    "weight",
    "instances",
)

_EPILOG = """\
sections:
  reporting   what one metric call costs: alone, 8 threads, 4 processes, under a compute thread
  training    what a real PyTorch loop loses that reports every batch (torch, about 5 GB)
  frameworks  a report of each batch in Ultralytics, Lightning and a loop, ours beside the peers
  delivery    a backlog to a real broker: rate, processor time, memory
  recovery    a resume after a crash, behind records of other programs
  latency     from said to seen by a consumer, at 1, 100, 5000 messages a second
  serving     requests a second and heartbeats, beside other servers
  batching    a model that takes many requests in one call, beside other servers that batch
  large       requests of 20 MB: rate, heartbeats, the web front's memory
  scaling     several model processes
  weight      import, start, resident memory, growth with the spool
  instances   the local platform: from the button to READY on each engine; what 50 idle ones cost

The first run makes an environment for each peer below .cache/bench. A peer that cannot be
installed or fails stands in the table with the reason; the run goes on. A JDK and Maven are needed
for the broker. Sections not chosen by --only keep the figures of the last run.

exit status: 0 all measured, 1 something failed, 2 usage, 130 Ctrl-C
"""


@dataclass(frozen=True)
class Scale:
    """How much is measured. Seconds and counts hold for each contestant in each round."""

    rounds: int
    """Of the short measurements; each contestant has a turn in each round."""
    call_seconds: float
    calls: int
    """A round of metric calls ends after so long or so many."""
    blocks: int
    """Pairs of blocks of the training loop, with and without reports."""
    framework_rounds: int
    """Rounds of batches inside a training framework; each contestant reports one of each."""
    backlog: int
    """Messages."""
    backlog_rounds: int
    latency_seconds: dict[int, float]
    """By messages a second."""
    load_seconds: float
    serving_rounds: int
    clients: tuple[int, ...]
    starts: int


FULL = Scale(
    rounds=20,
    call_seconds=0.25,
    calls=20_000,
    blocks=600,
    framework_rounds=100,
    backlog=1_000_000,
    backlog_rounds=3,
    latency_seconds={1: 20, 100: 10, 5000: 8},
    load_seconds=1.2,
    serving_rounds=3,
    clients=(1, 8, 64, 512),
    starts=9,
)
QUICK = Scale(
    rounds=4,
    call_seconds=0.1,
    calls=5_000,
    blocks=60,
    framework_rounds=25,
    backlog=200_000,
    backlog_rounds=1,
    latency_seconds={1: 4, 100: 3, 5000: 2},
    load_seconds=0.5,
    serving_rounds=1,
    clients=(1, 8, 64, 512),
    starts=3,
)


@dataclass(frozen=True)
class Options:
    """The command line, read."""

    only: tuple[str, ...]
    peers: tuple[str, ...]
    """Names of contestants beside ours and the bare one; empty: all."""
    scale: Scale
    backlog: int
    output: Path
    pictures: Path
    command: str
    """As it was typed, for the record."""


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process with help or status 2 if it asks for that."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure dubhe-sdk beside what people would use instead, on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", type=_sections, default=SECTIONS, metavar="A,B", help="sections; all by default"
    )
    parser.add_argument(
        "--peers", type=_words, default=(), metavar="A,B", help="only these peers, by name"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and short rounds, to see that it works"
    )
    parser.add_argument(
        "--serving-rounds",
        type=int,
        metavar="N",
        help="rounds of serving, batching, large and scaling (3, quick 1)",
    )
    parser.add_argument(
        "--backlog",
        type=int,
        metavar="N",
        help="messages of the backlog, and of recovery (1000000, quick 200000)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where RESULTS.md, results.json and the pictures go "
        "(benchmarks/ and docs/images/, with --quick .cache/bench/quick)",
    )
    found = parser.parse_args(arguments)
    scale = QUICK if found.quick else FULL
    output = found.output or (CACHE / "quick" if found.quick else ROOT / "benchmarks")
    return Options(
        only=found.only,
        peers=found.peers,
        scale=replace(scale, serving_rounds=found.serving_rounds or scale.serving_rounds),
        backlog=found.backlog or scale.backlog,
        output=output.resolve(),
        pictures=output.resolve() if found.quick or found.output else ROOT / "docs" / "images",
        command=" ".join(["python -m benchmarks", *arguments]),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _sections(text: str) -> tuple[str, ...]:
    chosen = _words(text)
    if unknown := [name for name in chosen if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(
            f"unknown section {', '.join(unknown)}; expected some of {', '.join(SECTIONS)}"
        )
    return tuple(name for name in SECTIONS if name in chosen)
