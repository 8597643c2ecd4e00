"""Build an algorithm's image on dubhe-base."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from dubhe_sdk.process.shell_script import windows_line_ends
from dubhe_simulator.commands.options import adder, command_parser, run_command
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.build import (
    BuildFailed,
    BuildOptions,
    BuildOutput,
    Built,
    build,
)
from dubhe_simulator.instances.docker.engine import engine
from dubhe_simulator.instances.docker.naming import default_tag
from dubhe_simulator.terminal.screen import Screen

EXIT_OK = 0
EXIT_FAILED = 1


def main(argv: list[str]) -> int:
    """Build. Returns 0, 1 if it failed, 2 for wrong use, 128 + n after signal n (Ctrl-C: 130)."""
    options = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    return run_command(lambda: _build(options, screen), screen, "build_stopped")


def _build(options: argparse.Namespace, screen: Screen) -> int:
    folder: Path = options.folder.absolute()
    if problem := windows_line_ends(folder / "run.sh"):
        raise CannotStart(problem)
    index = (("PIP_INDEX_URL", options.index_url),) if options.index_url else ()
    how = BuildOptions(
        folder,
        tag=options.tag or default_tag(folder),
        base=options.base,
        arguments=index,
        network=options.network,
        use_cache=not options.no_cache,
        pull=options.pull,
    )
    begun = time.monotonic()
    try:
        with engine() as client:
            screen.line(translate("building", tag=how.tag, folder=folder))
            built = build(client, how, BuildOutput(screen, options.verbose))
    except BuildFailed as failure:
        _show_failure(screen, failure, options.verbose)
        return EXIT_FAILED
    _show_built(screen, built, time.monotonic() - begun, options)
    return EXIT_OK


def _show_built(screen: Screen, built: Built, seconds: float, options: argparse.Namespace) -> None:
    screen.line(
        translate(
            "built",
            tag=built.tag,
            size=round(built.size / 1e6),
            seconds=seconds,
            cached=built.cached,
            steps=built.steps,
        )
    )
    named = options.tag or options.folder != Path()
    screen.line(translate("build_next", what=f" {built.tag}" if named else ""))


def _show_failure(screen: Screen, failure: BuildFailed, verbose: bool) -> None:
    if failure.tail and not verbose:
        screen.line(translate("step_tail"))
        for line in failure.tail:
            screen.line(f"  | {line}")
    text = translate("step_failed", step=failure.step) if failure.step else ""
    screen.line(translate("failed", error=f"{text}{failure}"))


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("build", "build_help", "build_help_exit")
    add = adder(parser)
    add("folder", help="build_help_folder", nargs="?", type=Path, default=Path(), metavar="DIR")
    add("-t", "--tag", help="build_help_tag", metavar="TAG")
    add("--base", help="build_help_base", metavar="IMAGE")
    add("--index-url", help="build_help_index", metavar="URL")
    add("--network", help="build_help_network", metavar="NETWORK")
    add("--no-cache", help="build_help_no_cache", action="store_true")
    add("--pull", help="build_help_pull", action="store_true")
    add("-v", "--verbose", help="build_help_verbose", action="store_true")
    return parser
