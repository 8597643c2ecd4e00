"""Hostile bytes over HTTP and TCP against real services, for as many inputs as wanted."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import SESSIONS, Campaign, Report


def main() -> int:
    """Run the campaigns. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        epilog="Exit status: 0 all held; 1 something did not, and the seed and the session that "
        "show it again are printed.",
    )
    add = parser.add_argument
    add("--inputs", type=int, default=10_000, help="payloads, half for each protocol (%(default)s)")
    add("--seed", type=int, default=None, help="of an earlier run (default: a new one)")
    add("--protocol", choices=tuple(SESSIONS), help="only this one")
    add("--session", type=int, default=0, help="the first session's number (%(default)s)")
    given = parser.parse_args()
    seed = secrets.randbits(32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    protocols = [given.protocol] if given.protocol else list(SESSIONS)
    for protocol in protocols:
        campaign = Campaign(protocol, seed, given.inputs // len(protocols), _tell)
        with tempfile.TemporaryDirectory(prefix="dubhe-fuzz-") as folder:
            try:
                report = campaign.run(Path(folder) / "app", given.session)
            except AssertionError as error:
                print(f"FAILED: {error}", flush=True)
                return 1
        print(describe(report), flush=True)
    return 0


def describe(report: Report) -> str:
    """Return the figures for people."""
    beats = sorted(report.heartbeats)
    lines = [
        f"{report.protocol}: {report.inputs} inputs on {report.connections} connections in "
        f"{report.seconds:.0f} s; no process died, no connection was stuck",
        f"  heartbeats: {len(beats)}, all answered; median {beats[len(beats) // 2] * 1000:.1f} ms, "
        f"99 % {beats[len(beats) * 99 // 100] * 1000:.0f} ms, longest {beats[-1] * 1000:.0f} ms",
        f"  slow clients closed: {report.slow_closed}, "
        f"the longest after {report.slow_longest:.0f} s",
    ]
    for inputs, used in report.memory:
        parts = "  ".join(f"{name} {kib / 1024:6.1f}" for name, kib in sorted(used.items()))
        lines.append(f"  MiB after {inputs:>8}: {parts}")
    return "\n".join(lines)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
