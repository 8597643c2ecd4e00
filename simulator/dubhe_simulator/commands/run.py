"""Start an algorithm's image as the platform does, with a request ready to be sent."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import brokers
from dubhe_simulator.commands.options import (
    add_brokers,
    add_container_options,
    add_seconds,
    adder,
    command_parser,
    port_number,
    run_command,
)
from dubhe_simulator.contract.topics import kafka_variables, topics
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.engine import engine, require_local
from dubhe_simulator.instances.docker.image import find_image
from dubhe_simulator.instances.docker.naming import algorithm_word, default_tag
from dubhe_simulator.instances.docker.session import ContainerSession
from dubhe_simulator.instances.docker.spec import (
    ContainerSpec,
    default_user,
    network_for,
    read_environment,
)
from dubhe_simulator.instances.local import free_port
from dubhe_simulator.platform.run_config import new_run_folder
from dubhe_simulator.terminal.screen import Screen

if TYPE_CHECKING:
    from docker import DockerClient


def main(argv: list[str]) -> int:
    """Run. Returns the container's exit status, 1 if it could not be started, 2 for wrong use."""
    options = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    return run_command(lambda: _run(options, screen), screen)


def _run(options: argparse.Namespace, screen: Screen) -> int:
    with engine() as client:
        return _session(client, options, screen).run()


def _session(client: DockerClient, options: argparse.Namespace, screen: Screen) -> ContainerSession:
    require_local()
    # A path that exists is meant as one; an image may have the name of a folder all the same.
    given = Path(options.what)
    folder = given if given.is_dir() else None
    image = options.what if folder is None else default_tag(folder)
    find_image(client, image, folder)
    servers = brokers({"BOOTSTRAP_SERVERS": options.brokers})
    info = client.info()
    network = network_for(servers, options.network, info)
    kind = TaskKind(options.kind)
    environment = read_environment(options.env)
    data = _data(options.data_dir, folder)
    model = _file("--model", options.model)
    run = new_run_folder(options.runs_dir)
    instance_id = f"{algorithm_word(image)}-local-{kind.id_word}-{run.name}"
    spec = ContainerSpec(
        image,
        kind,
        instance_id,
        run,
        name=options.name or f"dubhe-{instance_id}",
        user=options.user or default_user(info),
        data=data,
        model=model,
        port=options.port or (free_port() if network == "host" else None),
        network=network,
        gpus=options.gpus,
        memory=options.memory,
        environment={**environment, **kafka_variables(servers, topics(os.environ))},
    )
    what = "" if options.what == "." else shlex.quote(options.what)
    return ContainerSession(
        client,
        spec,
        screen,
        what=what,
        ready_timeout=options.ready_timeout,
        detach=options.detach,
    )


def _data(chosen: Path | None, folder: Path | None) -> Path | None:
    if chosen is None:
        usual = (folder or Path()) / "data"
        return usual.absolute() if usual.is_dir() else None
    if not chosen.exists():
        raise EngineError(translate("run_no_path", option="--data-dir", path=chosen))
    return chosen.absolute()


def _file(option: str, path: Path | None) -> Path | None:
    if path is None:
        return None
    if not path.is_file():
        raise EngineError(translate("run_no_file", option=option, path=path))
    return path.absolute()


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("run", "run_help", "run_help_exit")
    add = adder(parser)
    add("what", help="run_help_what", nargs="?", default=".", metavar="DIR_OR_IMAGE")
    kinds = [kind.value for kind in TaskKind]
    add("--kind", help="run_help_kind", choices=kinds, default="train")
    add("--model", help="run_help_model", type=Path, metavar="FILE")
    add("--data-dir", help="run_help_data", type=Path, metavar="DIR")
    add("--runs-dir", help="run_help_runs", type=Path, default=Path("runs"), metavar="DIR")
    add("--port", help="run_help_port", type=port_number, metavar="PORT")
    add_brokers(parser)
    add("--network", help="run_help_network", metavar="NETWORK")
    add_container_options(parser)
    add("--user", help="run_help_user", metavar="UID:GID")
    add("--detach", help="run_help_detach", action="store_true")
    add("--name", help="run_help_name", metavar="NAME")
    add_seconds(parser, "--ready-timeout", 120.0, "run_help_ready_timeout")
    return parser
