"""Read an algorithm, without running it, and say what will happen."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dubhe_sdk.check.report import NoApp, check

EXIT_OK = 0
EXIT_PROBLEMS = 1
EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """`dubhe check [APP]`."""
    parser = argparse.ArgumentParser(
        prog="dubhe check",
        description="Read an algorithm without running it, and say what will happen: which method "
        "serves which kind of instance, and what is wrong with classes, run.sh and requirements.",
        epilog="Exit status: 0 nothing is wrong, 1 something is, 2 there is no such file.",
    )
    parser.add_argument(
        "app",
        type=Path,
        nargs="?",
        default=Path(),
        metavar="APP",
        help="the algorithm's file, or its folder (default: the current folder)",
    )
    options = parser.parse_args(argv)
    if not options.app.exists():
        parser.error(f"{options.app} does not exist")
    try:
        report = check(options.app)
    except NoApp as error:
        sys.stderr.write(f"dubhe check: {error}\n")
        return EXIT_USAGE
    for fact in report.facts:
        sys.stdout.write(f"{fact}\n")
    for problem in report.problems:
        sys.stdout.write(f"wrong: {problem}\n")
    if not report.problems:
        sys.stdout.write("nothing is wrong\n")
    return EXIT_PROBLEMS if report.problems else EXIT_OK
