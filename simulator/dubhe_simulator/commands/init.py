"""Write a new algorithm that runs: app.py, run.sh, Dockerfile, images, requests, a test."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from pathlib import Path

from dubhe_sdk.environment import PROTOCOLS
from dubhe_simulator.algorithm.template import (
    DATA_KINDS,
    FRAMEWORKS,
    TABLE,
    write_algorithm,
    write_example,
)
from dubhe_simulator.commands.options import EXIT_FAILED, EXIT_OK, adder, command_parser
from dubhe_simulator.errors import Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.terminal.screen import Screen, pad

_FRAMEWORK_STEPS = {
    "init_step_cd": "cd {folder}",
    "init_step_install": "pip install -r requirements.txt",
    "init_step_prepare": "python3 prepare.py",
    "init_step_play": "dubhe play",
    "init_step_ui": "dubhe ui .",
    "init_step_build": "dubhe build",
    "init_step_run": "dubhe run --kind train",
}
_TABLE_STEPS = {key: step for key, step in _FRAMEWORK_STEPS.items() if key != "init_step_install"}
_STEPS = {
    "init_step_cd": "cd {folder}",
    "init_step_play": "dubhe play",
    "init_step_ui": "dubhe ui .",
    "init_step_test": "python3 -m pytest",
    "init_step_build": "dubhe build",
    "init_step_run": "dubhe run --kind train",
}


def main(argv: list[str]) -> int:
    """Write the folder. Returns 0, or 1 if it could not be written; 2 for wrong use."""
    options = _parser().parse_args(argv)
    folder: Path = options.name
    example = options.framework or (TABLE if options.data == TABLE else None)
    problem = _problem(folder, options.force)
    if problem is None:
        try:
            if example:
                write_example(folder, options.protocol, example)
            else:
                write_algorithm(folder, options.protocol)
        except OSError as error:
            problem = translate("init_cannot_write", folder=folder, error=error)
    if problem is not None:
        sys.stderr.write(f"dubhe init: {problem}\n")
        return EXIT_FAILED
    with contextlib.suppress(Stopped):  # nobody reads any more, as in `dubhe init demo | head -1`
        _say_what_next(options, example)
    return EXIT_OK


def _say_what_next(options: argparse.Namespace, example: str | None) -> None:
    folder, screen = options.name, Screen(sys.stdout)
    written = "init_written_example" if example else "init_written"
    screen.line(translate(written, folder=folder, protocol=options.protocol))
    screen.line(translate("init_next"))
    plan = _STEPS
    if example:
        plan = _TABLE_STEPS if example == TABLE else _FRAMEWORK_STEPS
    steps = {key: step.format(folder=shlex.quote(str(folder))) for key, step in plan.items()}
    columns = max(map(len, steps.values())) + 2
    for key, step in steps.items():
        screen.line(f"  {pad(step, columns)}# {translate(key)}")


def _problem(folder: Path, force: bool) -> str | None:
    """Return what speaks against writing there, or None."""
    if not os.path.lexists(folder):
        return None
    if not folder.is_dir():
        return translate("init_not_a_folder", folder=folder)
    try:
        empty = not any(folder.iterdir())
    except OSError as error:
        return translate("init_cannot_write", folder=folder, error=error)
    return None if empty or force else translate("init_not_empty", folder=folder)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("init", "init_help", "help_exit")
    add = adder(parser)
    add("name", help="init_help_name", type=Path, metavar="NAME")
    add("--protocol", help="init_help_protocol", choices=PROTOCOLS, default="http")
    what = parser.add_mutually_exclusive_group()
    add_what = adder(what)
    add_what("--framework", help="init_help_framework", choices=FRAMEWORKS)
    add_what("--data", help="init_help_data", choices=DATA_KINDS, default="images")
    add("--force", help="init_help_force", action="store_true")
    return parser
