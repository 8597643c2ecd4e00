"""Show what a spool holds: streams, undelivered records, last error, dead letters."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime
from pathlib import Path

from dubhe_sdk.environment import directories
from dubhe_sidecar import dead_letters
from dubhe_sidecar.metrics import labels
from dubhe_sidecar.prometheus import render
from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.status import SpoolStatus, describe_sidecar, inspect

EXIT_UNDELIVERED = 1
EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """`dubhe status`."""
    parser = argparse.ArgumentParser(
        prog="dubhe status",
        description="Show what a spool holds. Works while the algorithm runs and afterwards.",
        epilog="Exit status: 0 everything is delivered, 1 something is not, 2 there is no spool. "
        "With --prometheus: 0 if the metrics were printed. With --each: 0.",
    )
    parser.add_argument(
        "spool",
        nargs="?",
        type=Path,
        help="the spool's directory (default: DUBHE_SPOOL_DIR, or /temporary/spool)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument(
        "--prometheus",
        action="store_true",
        help="print Prometheus text, for example for node-exporter's textfile collector",
    )
    form.add_argument(
        "--each",
        action="store_true",
        help="answer again and again, for a program: each line of standard input is a directory "
        "as a JSON string, each line of output its status as JSON, or null if it is no spool; "
        "ends with the input",
    )
    options = parser.parse_args(argv)
    if options.each:
        if options.spool:
            parser.error("--each reads the directories from standard input: leave out SPOOL")
        _answer_each()
        return 0
    try:
        spool = options.spool or directories(os.environ)[1]
        status = inspect(spool)
    except SinkError as error:
        sys.stderr.write(f"dubhe status: {error}\n")
        return EXIT_USAGE
    except (FileNotFoundError, NotADirectoryError):
        sys.stderr.write(f"dubhe status: {spool} is not a spool directory; pass the path of one\n")
        return EXIT_USAGE
    if options.prometheus:
        sys.stdout.write(render(status, labels(os.environ)))
        return 0
    if options.json:
        sys.stdout.write(json.dumps(status.to_json(), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(describe(status))
    return EXIT_UNDELIVERED if status.undelivered or status.unreadable else 0


def _answer_each() -> None:
    """Answer each line of standard input, until it ends."""
    for line in sys.stdin:
        try:
            answer = inspect(Path(json.loads(line))).to_json()
        except (FileNotFoundError, NotADirectoryError):
            answer = None
        except (OSError, SinkError) as error:
            sys.stderr.write(f"dubhe status: {error}\n")
            answer = None
        # With escapes: a directory's name need not be UTF-8, and other answers are to follow.
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def describe(status: SpoolStatus) -> str:
    """Return the status as text for people."""
    age = status.oldest_age_seconds
    launch = status.launches[-1] if status.launches else None
    lines = [
        f"spool         {status.spool}",
        f"sidecar       {describe_sidecar(launch, status.sidecar == 'running')}",
        f"delivers to   {status.sink or '(nothing delivered yet)'}",
        f"delivered     {status.delivered}",
        f"undelivered   {status.undelivered} ({_size(status.undelivered_bytes)})"
        + (f", oldest {_duration(age)} ago" if age is not None else ""),
        f"dropped       {status.dropped}" + (" (the spool was full)" if status.dropped else ""),
        f"dead letters  {status.dead_letters}"
        + (
            f" ({status.dead_letters_discarded} of them deleted: DUBHE_DEAD_LETTERS_MAX_BYTES)"
            if status.dead_letters_discarded
            else ""
        ),
        f"retries       {status.retries}",
        f"last error    {status.last_error or 'none'}",
    ]
    lines += [f"warning       {text}" for text in status.warnings]
    if status.abandoned:
        lines.append(f"not delivered {status.abandoned}")
    if status.damaged_bytes:
        lines.append(f"damaged       {_size(status.damaged_bytes)} skipped")
    if status.missing:
        lines.append(f"missing       {status.missing} (damaged or removed from the spool)")
    lines += [f"unreadable    {text}" for text in status.unreadable]
    if status.streams:
        lines += ["", "streams:"]
        for stream in status.streams:
            state = "being written" if stream.writing else "ended"
            lines.append(
                f"  {stream.stream}  pid {stream.pid}  {state}  {stream.undelivered} undelivered"
                f" ({_size(stream.undelivered_bytes)})  {stream.instance_id}"
                + (f"  for {stream.destination}" if stream.destination else "")
            )
    for entry in dead_letters.read(Path(status.spool), 10):
        when = datetime.fromtimestamp(int(str(entry.get("time", 0))) / 1000)
        lines.append(f"dead letter   {when:%Y-%m-%d %H:%M:%S} {entry['reason']}")
    return "\n".join(lines) + "\n"


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
