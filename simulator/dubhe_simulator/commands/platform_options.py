"""Options of every command that runs a platform, and the configuration they make."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import brokers, text
from dubhe_simulator.algorithm.dataset import NO_DATA, dataset_of, read_dataset
from dubhe_simulator.algorithm.layout import id_part, read_algorithm
from dubhe_simulator.client.address import Address, parse_address
from dubhe_simulator.contract.payload_options import json_object
from dubhe_simulator.contract.topics import topics
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.hosts import HostBackend
from dubhe_simulator.hosts.addresses import chosen_hosts
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import LocalBackend
from dubhe_simulator.platform.run_config import RunConfig

NEEDED = ("brokers", "data_dir", "models")  # with --on


def add_platform_options(parser: argparse.ArgumentParser, ready_timeout: float) -> None:
    """Add the options.

    Args:
        parser: the command's.
        ready_timeout: seconds for a host, and then for an instance; the default.
    """
    add, environ = parser.add_argument, os.environ
    add("--data-dir", type=Path, metavar="DIR", help=translate("help_data"))
    add("--runs-dir", type=Path, default=Path("runs"), metavar="DIR", help=translate("help_runs"))
    servers, params = environ.get("BOOTSTRAP_SERVERS", ""), text(environ, "special_params")
    add("--brokers", default=servers, metavar="HOST:PORT", help=translate("help_brokers"))
    add("--special-params", default=params, metavar="JSON", help=translate("help_params"))
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


def platform_config(
    given: argparse.Namespace, algorithm: Path | None, protocol: str | None = None, **more: Any
) -> RunConfig:
    """Return the configuration that the options make.

    Args:
        given: the options.
        algorithm: an algorithm's folder; None to start none from here.
        protocol: for an algorithm without ``run.sh``.
        more: further fields of the configuration.

    Raises:
        CannotStart: a folder is wrong, or a host does not answer.
        EnvironmentInvalid: the brokers are malformed.
    """
    params = json_object("--special-params", given.special_params)
    backend: LocalBackend | HostBackend | None = None
    if given.on:
        backend = _hosts(given)
    elif algorithm is not None:
        backend = LocalBackend(read_algorithm(algorithm, protocol))
    if given.data_dir is not None:
        dataset = read_dataset(given.data_dir)
    else:
        dataset = dataset_of(algorithm.absolute()) if algorithm is not None else NO_DATA
    return RunConfig(
        runs=given.runs_dir.absolute(),
        backend=backend,
        dataset=dataset,
        brokers=brokers({"BOOTSTRAP_SERVERS": given.brokers}),
        topics=topics(os.environ),
        special_params=params,
        ready_timeout_s=given.ready_timeout,
        **more,
    )


def address(value: str) -> Address:
    """Return the address in an argument, for ``type=``.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        return parse_address(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _hosts(given: argparse.Namespace) -> HostBackend:
    """Wait for the hosts that were named, and return them."""
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if not getattr(given, name)]
    if missing:
        raise CannotStart(translate("hosts_need", missing=", ".join(missing)))
    hosts = chosen_hosts(given.on, given.kinds)
    return HostBackend(
        hosts, id_part(given.name), given.models, given.ready_timeout, given.hosts_dir
    )
