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
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator import interrupts
from dubhe_simulator.commands.options import (
    add_brokers,
    add_container_options,
    add_seconds,
    port_number,
)
from dubhe_simulator.contract.topics import topics
from dubhe_simulator.errors import EngineError, Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.container import find_image
from dubhe_simulator.instances.docker.engine import engine, require_local
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

EXIT_FAILED = 1


def main(argv: list[str]) -> int:
    """Run. Returns the container's exit status, 1 if it could not be started, 2 for wrong use."""
    options = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    try:
        with interrupts.watched():
            try:
                with engine() as client:
                    return _session(client, options, screen).run()
            except (EngineError, EnvironmentInvalid, OSError) as problem:
                screen.line(translate("failed", error=problem))
                return EXIT_FAILED
    except Stopped as stopped:  # before there was a container
        return stopped.exit_status


def _session(client: DockerClient, options: argparse.Namespace, screen: Screen) -> ContainerSession:
    require_local()
    # A path that exists is meant as one; an image may have the name of a folder all the same.
    folder = Path(options.what)
    is_folder = folder.is_dir()
    image = default_tag(folder) if is_folder else options.what
    advice = (
        translate("run_build_first", folder=shlex.quote(str(folder)))
        if is_folder
        else translate("run_pull_first", image=image)
    )
    find_image(client, image, advice)
    servers = brokers({"BOOTSTRAP_SERVERS": options.brokers})
    info = client.info()
    network = network_for(servers, options.network, info)
    kind = TaskKind(options.kind)
    environment = read_environment(options.env)
    data = _data(options.data_dir, folder if is_folder else None)
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
        brokers=servers,
        topics=topics(os.environ),
        network=network,
        gpus=options.gpus,
        memory=options.memory,
        environment=environment,
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
    parser = argparse.ArgumentParser(
        prog="dubhe run", description=translate("run_help"), epilog=translate("run_help_exit")
    )
    add = parser.add_argument
    add("what", nargs="?", default=".", metavar="DIR_OR_IMAGE", help=translate("run_help_what"))
    kinds = [kind.value for kind in TaskKind]
    add("--kind", choices=kinds, default="train", help=translate("run_help_kind"))
    add("--model", type=Path, metavar="FILE", help=translate("run_help_model"))
    add("--data-dir", type=Path, metavar="DIR", help=translate("run_help_data"))
    add(
        "--runs-dir",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help=translate("run_help_runs"),
    )
    add("--port", type=port_number, metavar="PORT", help=translate("run_help_port"))
    add_brokers(parser)
    add("--network", metavar="NETWORK", help=translate("run_help_network"))
    add_container_options(parser)
    add("--user", metavar="UID:GID", help=translate("run_help_user"))
    add("--detach", action="store_true", help=translate("run_help_detach"))
    add("--name", metavar="NAME", help=translate("run_help_name"))
    add_seconds(parser, "--ready-timeout", 120.0, "run_help_ready_timeout")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
