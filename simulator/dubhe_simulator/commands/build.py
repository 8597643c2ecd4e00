"""Build an algorithm's image on dubhe-base."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from dubhe_simulator.commands.options import until_signal
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.build import BuildFailed, BuildOptions, Built, build
from dubhe_simulator.instances.docker.engine import engine
from dubhe_simulator.instances.docker.naming import default_tag
from dubhe_simulator.terminal.screen import Screen

EXIT_OK = 0
EXIT_FAILED = 1


def main(argv: list[str]) -> int:
    """Build. Returns 0, 1 if it failed, 2 for wrong use, 128 + n after signal n (Ctrl-C: 130)."""
    options = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    return until_signal(lambda: _build(options, screen), screen, "build_stopped")


def _build(options: argparse.Namespace, screen: Screen) -> int:
    folder: Path = options.folder.absolute()
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
            built = build(client, how, _Lines(screen, options.verbose))
    except EngineError as problem:
        screen.line(translate("failed", error=problem))
        return EXIT_FAILED
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


class _Lines:
    """A `BuildView` that writes the steps, and their output if it is asked for."""

    def __init__(self, screen: Screen, verbose: bool) -> None:
        self._screen = screen
        self._verbose = verbose

    def step(self, number: int, total: int, text: str) -> None:
        self._screen.line(f"  {number}/{total}  {text}")

    def output(self, line: str) -> None:
        if self._verbose:
            self._screen.line(f"  | {line}")
        else:
            self._screen.bottom(f"  | {line}")

    def pulling(self, text: str) -> None:
        self._screen.bottom(f"  | {text}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dubhe build", description=translate("build_help"), epilog=translate("build_help_exit")
    )
    add = parser.add_argument
    add(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="DIR",
        help=translate("build_help_folder"),
    )
    add("-t", "--tag", metavar="TAG", help=translate("build_help_tag"))
    add("--base", metavar="IMAGE", help=translate("build_help_base"))
    add("--index-url", metavar="URL", help=translate("build_help_index"))
    add("--network", metavar="NETWORK", help=translate("build_help_network"))
    add("--no-cache", action="store_true", help=translate("build_help_no_cache"))
    add("--pull", action="store_true", help=translate("build_help_pull"))
    add("-v", "--verbose", action="store_true", help=translate("build_help_verbose"))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
