"""Runs pytest, then whatever failed once more, alone.

Usage: python -m tests.support.rerun [PYTEST ARGUMENT ...]

A test that fails beside others and passes alone is unsteady: it is listed at the end, and the
run passes. A test that fails twice fails the run. The last line reads like pytest's own, over
both runs.

Exit status: pytest's, and 0 if each failed test passed alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.outcomes import Outcome, read

# So many failures are no accident; running them one by one would take long and show nothing.
RERUN_AT_MOST = 50
SLOWEST = 10
_COUNTED = ("failed", "passed", "skipped", "rerun")  # in the order of pytest's last line
_WIDTH = 80
_ALONE = ("-n", "0", "--timeout", "300")


def run(arguments: Sequence[str]) -> int:
    """Run the tests, print what is worth knowing at the end, and return the exit status."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        status, outcomes = _pytest(arguments, Path(folder, "first.json"))
        failed = [test for test, outcome in outcomes.items() if outcome.result == "failed"]
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return status  # interrupted, wrong usage, no tests: pytest's last line stands
        again = _alone(failed, Path(folder)) if 0 < len(failed) <= RERUN_AT_MOST else {}
    unsteady = [test for test in failed if test in again and again[test].result == "passed"]
    if failed and unsteady == failed:
        status = pytest.ExitCode.OK
    for test in unsteady:
        outcomes[test].result = "passed"
    _print_slowest(outcomes)
    _print_list(f"unsteady: failed beside others, passed alone ({len(unsteady)})", unsteady)
    twice = [test for test in failed if test not in unsteady]
    _print_list(f"failed{' twice' if again else ''} ({len(twice)})", twice)
    print(_closing_line(outcomes, len(again), time.monotonic() - began), flush=True)
    return status


def _alone(tests: Sequence[str], folder: Path) -> dict[str, Outcome]:
    print(f"\n== {len(tests)} failed; each is run once more, alone", flush=True)
    names = folder / "failed.txt"
    names.write_text("".join(f"{test}\n" for test in tests), "utf-8")
    return _pytest([*_ALONE, f"@{names}"], folder / "again.json")[1]


def _pytest(arguments: Sequence[str], file: Path) -> tuple[int, dict[str, Outcome]]:
    plugin = ("-p", "tests.support.outcomes", f"--outcomes={file}")
    done = subprocess.run([sys.executable, "-m", "pytest", *plugin, *arguments], check=False)
    return done.returncode, read(file) if file.exists() else {}


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"\n== {title}", *lines, sep="\n  ")


def _print_slowest(outcomes: Mapping[str, Outcome]) -> None:
    slowest = sorted(outcomes.items(), key=lambda item: item[1].seconds, reverse=True)[:SLOWEST]
    lines = [f"{outcome.seconds:7.2f} s  {test}" for test, outcome in slowest]
    _print_list(f"the {len(lines)} slowest", lines)
    of_files: defaultdict[str, float] = defaultdict(float)
    for test, outcome in outcomes.items():
        of_files[test.partition("::")[0]] += outcome.seconds
    longest = sorted(of_files.items(), key=lambda item: item[1], reverse=True)[:SLOWEST]
    lines = [f"{seconds:7.2f} s  {file}" for file, seconds in longest]
    _print_list(f"the {len(lines)} longest files", lines)


def _closing_line(outcomes: Mapping[str, Outcome], rerun: int, seconds: float) -> str:
    counts = Counter(outcome.result for outcome in outcomes.values())
    counts["rerun"] = rerun
    words = [f"{counts[word]} {word}" for word in _COUNTED if counts[word]]
    minutes = f" ({timedelta(seconds=int(seconds))})" if seconds >= 60 else ""
    return f" {', '.join(words)} in {seconds:.2f}s{minutes} ".center(_WIDTH, "=")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
