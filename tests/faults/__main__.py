"""Inject faults at random and prove that nothing is lost, repeated or out of order.

Several real containers (`dubhe launch` with forked and spawned writers, services over HTTP and
TCP with trainings running) deliver to a real broker while their processes are killed and the
broker is stopped, killed, frozen. Then a plain consumer reads everything.
"""

from __future__ import annotations

import argparse
import itertools
import json
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import plan
from tests.faults.run import Options, RunResult, broker_track, run
from tests.kafka.jars import HarnessError

KILLS_PER_MINUTE = 36
BROKER_FAULTS_PER_MINUTE = 1.8
EXIT_BAD, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 all that was to happen did and nothing was lost, repeated or out of "
        "order; 1 it is not so, or the harness failed; 2 wrong usage; 130 Ctrl-C.",
    )
    parser.add_argument("--minutes", type=_positive, default=5.0, help="default: 5")
    parser.add_argument("--seed", type=int, help="replays the faults of a run; default: chance")
    parser.add_argument("--kills", type=int, help=f"default: {KILLS_PER_MINUTE} a minute")
    parser.add_argument(
        "--broker-faults", type=int, help=f"default: {BROKER_FAULTS_PER_MINUTE} a minute"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the outcome as JSON")
    parser.add_argument("--plan", action="store_true", help="print the faults, do none")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave spools and logs there")
    given = parser.parse_args(argv)
    if given.keep and given.keep.exists() and any(given.keep.iterdir()):
        parser.error(f"--keep {given.keep}: it is not empty; name a folder that is, or none yet")
    options = Options(
        secrets.randbelow(2**31) if given.seed is None else given.seed,
        given.minutes,
        round(KILLS_PER_MINUTE * given.minutes) if given.kills is None else given.kills,
        round(BROKER_FAULTS_PER_MINUTE * given.minutes)
        if given.broker_faults is None
        else given.broker_faults,
    )
    print(
        f"seed {options.seed}: {options.kills} kills and {options.broker_faults} broker faults in "
        f"{options.minutes:g} minutes; again: python -m tests.faults --seed {options.seed} "
        f"--minutes {options.minutes:g} --kills {options.kills} "
        f"--broker-faults {options.broker_faults}",
        flush=True,
    )
    if given.plan:
        print_plan(options)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as after Ctrl-C
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
            folder = given.keep or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            result = run(options, folder, _logger())
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (HarnessError, RuntimeError, TimeoutError) as error:
        print(f"the run came to no verdict: {error}", file=sys.stderr)
        return EXIT_BAD
    print_result(result)
    if given.report:
        given.report.write_text(json.dumps(result.to_json(), indent=1) + "\n", "utf-8")
    return 0 if result.good else EXIT_BAD


def print_plan(options: Options) -> None:
    """Print each track's faults, a few more than will be done."""
    tracks = options.tracks
    pause = options.pause(options.kills, len(tracks))
    many = -(-options.kills // len(tracks)) + 10
    for name, weights in tracks.items():
        track = plan.container_track(options.seed, name, weights, pause)
        print(*itertools.islice(track, many), sep="\n")
    print(*itertools.islice(broker_track(options), options.broker_faults + 5), sep="\n")


def print_result(result: RunResult) -> None:
    """Print the tables."""
    print(f"\n{result.seconds:g} s under faults, seed {result.options.seed}")
    for name, count in {**result.faults, "starts": result.starts, "tasks": result.tasks}.items():
        print(f"  {name.replace('_', ' '):<20}{count}")
    print(f"{result.verdict}")
    for text in result.short_of:
        print(f"  ! too little happened: {text}")
    print("GOOD" if result.good else "BAD")


def _logger() -> Callable[[str], None]:
    begun = time.monotonic()
    return lambda text: print(f"{time.monotonic() - begun:8.1f}  {text}", flush=True)


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0 minutes")
    return value


if __name__ == "__main__":
    sys.exit(main())
