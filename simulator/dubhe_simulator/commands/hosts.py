"""Options that name hosts, for every command that plays the platform."""

from __future__ import annotations

import argparse
from pathlib import Path

from dubhe_simulator.algorithm.layout import id_part
from dubhe_simulator.errors import CannotPlay
from dubhe_simulator.hosts import HostBackend
from dubhe_simulator.hosts.addresses import chosen_hosts
from dubhe_simulator.i18n import translate

NEEDED = ("brokers", "data_dir", "models")


def add_host_options(parser: argparse.ArgumentParser, ready_timeout: float) -> None:
    """Add the options.

    Args:
        parser: the command's.
        ready_timeout: seconds for a host, and then for an instance; the default.
    """
    add = parser.add_argument
    add("--on", action="append", default=[], metavar="KIND=HOST[:PORT]", help=translate("help_on"))
    add("--kinds", default="", metavar="LIST", help=translate("help_kinds"))
    add("--models", type=Path, metavar="DIR", help=translate("help_models"))
    add("--name", type=Path, default=Path("algorithm"), metavar="NAME", help=translate("help_name"))
    add("--hosts-dir", type=Path, metavar="DIR", help=translate("help_hosts_dir"))
    add(
        "--ready-timeout",
        type=float,
        default=ready_timeout,
        metavar="SECONDS",
        help=translate("help_ready_timeout", seconds=ready_timeout),
    )


def hosts_of(options: argparse.Namespace) -> HostBackend:
    """Wait for the hosts that were named, and return them.

    Raises:
        CannotPlay: one does not answer, is malformed, or an option is missing.
    """
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if not getattr(options, name)]
    if missing:
        raise CannotPlay(translate("hosts_need", missing=", ".join(missing)))
    return HostBackend(
        chosen_hosts(options.on, options.kinds),
        id_part(options.name),
        options.models,
        options.ready_timeout,
        options.hosts_dir,
    )
