"""Options of every command that runs a platform, and the configuration they make."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import PROTOCOLS, brokers, text
from dubhe_simulator.algorithm.dataset import NO_DATA, dataset_of, read_dataset
from dubhe_simulator.algorithm.layout import id_part, read_algorithm
from dubhe_simulator.commands.options import add_brokers, add_container_options, add_seconds, adder
from dubhe_simulator.contract.json_safe import storable
from dubhe_simulator.contract.payload_options import json_object
from dubhe_simulator.contract.topics import topics
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import InstanceBackend, LocalBackend
from dubhe_simulator.instances.docker.backend import DockerBackend, DockerOptions
from dubhe_simulator.instances.docker.engine import connect, require_local
from dubhe_simulator.instances.docker.naming import algorithm_word, default_tag
from dubhe_simulator.instances.docker.spec import on_loopback, read_environment
from dubhe_simulator.instances.kubernetes.backend import KubernetesBackend
from dubhe_simulator.instances.kubernetes.cluster import connect as connect_cluster
from dubhe_simulator.instances.kubernetes.spec import PodOptions
from dubhe_simulator.instances.kubernetes.volumes import parse_volume
from dubhe_simulator.platform.run_config import RunConfig


def add_platform_options(parser: argparse.ArgumentParser, ready_timeout: float) -> None:
    """Add the options.

    Args:
        parser: the command's.
        ready_timeout: seconds for an instance to become ready; the default.
    """
    add, params = adder(parser), text(os.environ, "special_params")
    add("--data-dir", help="help_data", type=Path, metavar="DIR")
    add("--runs-dir", help="help_runs", type=Path, default=Path("runs"), metavar="DIR")
    add_brokers(parser)
    add("--special-params", help="help_params", default=params, metavar="JSON")
    add("--kinds", help="help_kinds", default="", metavar="LIST")
    add_seconds(parser, "--ready-timeout", ready_timeout, "help_ready_timeout")
    add("--protocol", help="help_protocol", choices=PROTOCOLS)
    add("--on", help="help_on", choices=("docker", "kubernetes"))
    containers = parser.add_argument_group(translate("help_with_containers"))
    add = adder(containers)
    add("--image", help="help_image", metavar="IMAGE")
    add("--name", help="help_name", type=Path, metavar="NAME")
    add("--output-dir", help="help_output", type=Path, metavar="DIR")
    add_container_options(containers)
    pods = parser.add_argument_group(translate("help_with_pods"))
    add = adder(pods)
    add("--context", help="help_context", metavar="NAME")
    add("--namespace", help="help_namespace", metavar="NAME")
    volume = "DIR=CLAIM|DIR=/PATH"
    add("--volume", help="help_volume", action="append", default=[], metavar=volume)
    add("--workdir", help="help_workdir", default="/app", metavar="DIR")


def platform_config(given: argparse.Namespace, algorithm: Path | None, **more: Any) -> RunConfig:
    """Return the configuration that the options make.

    Args:
        given: the options.
        algorithm: an algorithm's folder; None to start none from here.
        more: further fields of the configuration.

    Raises:
        CannotStart: a folder is wrong, or the engine cannot run the algorithm.
        EnvironmentInvalid: the brokers are malformed.
    """
    params = json_object("--special-params", given.special_params)
    servers = brokers({"BOOTSTRAP_SERVERS": given.brokers})
    if given.data_dir is not None:
        dataset = read_dataset(given.data_dir)
    else:
        dataset = dataset_of(algorithm.absolute()) if algorithm is not None else NO_DATA
    for problem in dataset.unreadable:
        sys.stderr.write(translate("data_unreadable", problem=storable(problem)) + "\n")
    backend: InstanceBackend | None = None
    if given.on == "docker":
        backend = _docker(given, algorithm, servers)
    elif given.on == "kubernetes":
        backend = _kubernetes(given, algorithm, servers)
    elif algorithm is not None:
        backend = LocalBackend(read_algorithm(algorithm, given.protocol), _kinds(given.kinds))
    return RunConfig(
        runs=given.runs_dir.absolute(),
        backend=backend,
        dataset=dataset,
        brokers=servers,
        topics=topics(os.environ),
        special_params=params,
        ready_timeout_s=given.ready_timeout,
        **more,
    )


def _kinds(words: str) -> list[TaskKind]:
    """Return the kinds of task that a list names, in their order; no known word means all."""
    wanted = {word.strip() for word in words.split(",")}
    return [kind for kind in TaskKind if kind.value in wanted] or list(TaskKind)


def _docker(
    given: argparse.Namespace, algorithm: Path | None, servers: str | None
) -> DockerBackend:
    """Return the engine that answers, as the place for containers of the algorithm's image."""
    if given.image is None and algorithm is None:
        raise CannotStart(translate("on_needs_image"))
    image = given.image or default_tag(algorithm or Path())
    require_local()
    options = DockerOptions(
        image,
        folder=algorithm if given.image is None else None,
        name=id_part(given.name) if given.name is not None else algorithm_word(image),
        runs=given.runs_dir.absolute(),
        output=_output(given, algorithm),
        data=_data(given, algorithm),
        kinds=_kinds(given.kinds),
        brokers=servers,
        gpus=given.gpus,
        memory=given.memory or None,
        environment=read_environment(given.env),
    )
    return DockerBackend(connect(), options)


def _kubernetes(
    given: argparse.Namespace, algorithm: Path | None, servers: str | None
) -> KubernetesBackend:
    """Return the cluster that answers, as the place for pods of the algorithm's image."""
    if given.image is None:
        raise CannotStart(translate("on_needs_pod_image"))
    if algorithm is None and given.protocol is None:
        raise CannotStart(translate("on_needs_protocol"))
    if servers is not None and on_loopback(servers):
        raise CannotStart(translate("pod_loopback", brokers=servers))
    name = given.name if given.name is not None else algorithm
    options = PodOptions(
        given.image,
        name=id_part(name) if name is not None else algorithm_word(given.image),
        protocol=given.protocol
        if algorithm is None
        else read_algorithm(algorithm, given.protocol).protocol,
        runs=given.runs_dir.absolute(),
        output=_output(given, algorithm),
        volumes=[parse_volume(text) for text in given.volume],
        workdir=given.workdir,
        data=_data(given, algorithm),
        kinds=_kinds(given.kinds),
        brokers=servers,
        gpus=given.gpus,
        memory=given.memory or None,
        environment=read_environment(given.env),
    )
    return KubernetesBackend(connect_cluster(given.context, given.namespace), options)


def _output(given: argparse.Namespace, algorithm: Path | None) -> Path:
    """Return the folder that is ``output`` in a container."""
    output: Path = given.output_dir or (algorithm or given.runs_dir) / "output"
    return output.absolute()


def _data(given: argparse.Namespace, algorithm: Path | None) -> Path | None:
    """Return the folder of data; None if there is none."""
    data: Path | None = given.data_dir
    if data is None and algorithm is not None and (algorithm / "data").is_dir():
        data = algorithm / "data"
    return data.absolute() if data is not None else None
