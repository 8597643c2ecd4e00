"""Counts the instructions of a hot path with valgrind, and keeps what they should be.

Instructions are the same on a busy machine; seconds are not. Each path is put in relation to the
floor, counted by the same interpreter, so that versions of Python and libraries matter little.

``python -m tests.benchmarks.instructions --write`` keeps new baselines after a change that was
meant.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from tests.benchmarks import hot_paths
from tests.support.environ import clean_environ

BASELINES = Path(__file__).with_name("baselines.json")
WATCHED = (
    "metric",
    "metric_in_python",
    "record",
    "drain",
    "request",
    "http_request",
    "tcp_request",
    "model_request",
    "batched_request",
    "batched_model_request",
    "shared_out_request",
)
# Far from a third, further from what the same code gives in two runs (below 1 %).
TOLERANCE = 0.2

_FEW, _MANY = 300, 1800
_COLLECTED = re.compile(rb"Collected : (\d+)")
_REPORT_FIRST = ("record", "drain")


class CannotCount(RuntimeError):
    """Valgrind is absent or failed. The text holds its last words."""


def relative(path: str) -> float:
    """Return how many times the floor's instructions a call of a path takes.

    Raises:
        CannotCount: valgrind is absent or failed.
    """
    return per_call(path) / per_call("floor")


@lru_cache
def per_call(path: str) -> float:
    """Return the instructions of one call: what many calls take beyond what a few take.

    Raises:
        CannotCount: valgrind is absent or failed.
    """
    _run(path, _FEW)  # so that none of the two has to compile what it imports
    with ThreadPoolExecutor(2) as pool:
        many, few = pool.map(_collected, (path, path), (_MANY, _FEW))
    return (many - few) / (_MANY - _FEW)


def _run(path: str, count: int, *instrument: str) -> subprocess.CompletedProcess[bytes]:
    """Have a path called ``count`` times, by a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        script = [sys.executable, hot_paths.__file__]
        env = clean_environ(PYTHONHASHSEED="0")
        if path in _REPORT_FIRST:
            subprocess.run([*script, "metric", folder, str(count)], check=True, env=env)
        return subprocess.run(
            [*instrument, *script, path, folder, str(count)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=env,
            check=False,
        )


def _collected(path: str, count: int) -> int:
    try:
        done = _run(path, count, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    except FileNotFoundError:
        raise CannotCount(
            "valgrind is absent; on Debian: apt-get install valgrind (tests/run.sh does)"
        ) from None
    found = _COLLECTED.search(done.stderr)
    if done.returncode != 0 or found is None:
        words = done.stderr.decode("utf-8", "replace")[-2000:]
        raise CannotCount(f"{path} under valgrind: status {done.returncode}\n{words}")
    return int(found[1])


def baselines() -> dict[str, float]:
    """Return what each watched path took when it was last agreed on."""
    kept: dict[str, float] = json.loads(BASELINES.read_text("utf-8"))
    return kept


def complaint(path: str, found: float, kept: float) -> str:
    """Return in words what is wrong with a count; nothing if it is near its baseline."""
    change = found / kept - 1
    if abs(change) <= TOLERANCE:
        return ""
    words = "more" if change > 0 else "fewer"
    return (
        f"{path}: {found:.2f} times the floor's instructions, the baseline is {kept:.2f}: "
        f"{abs(change):.0%} {words}. If that is meant: "
        "python -m tests.benchmarks.instructions --write"
    )


def main() -> None:
    """Print the counts; with ``--write``, keep them."""
    found = {path: round(relative(path), 2) for path in WATCHED}
    print(json.dumps(found, indent=2))
    if "--write" in sys.argv[1:]:
        BASELINES.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
