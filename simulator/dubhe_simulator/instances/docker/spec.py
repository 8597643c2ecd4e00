"""With what a container is started: environment, mounts, network, limits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import DEFAULT_PORT
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate

TEMPORARY = "/temporary"
SPOOL = "/spool"
RUN_LABEL = "dubhe.run"
INSTANCE_LABEL = "dubhe.instance-id"
KIND_LABEL = "dubhe.kind"
SPOOL_LABEL = "dubhe.spool"
REPORTED_LABEL = "dubhe.reported-before"
HOST_NETWORK = "host"
_DESKTOP = "Docker Desktop"
_ROOTLESS = "name=rootless"
_LOOPBACK = ("localhost", "127.", "[::1]", "::1")
# What this command decides by other options.
_OURS = {
    "INSTANCE_ID": "--kind",
    "PORT": "--port",
    "model_path": "--model",
    "BOOTSTRAP_SERVERS": "--brokers",
    "PLATFORM_TYPE": "--brokers",
    "DUBHE_TEMPORARY": "--runs-dir",
}


@dataclass(frozen=True)
class ContainerSpec:
    """What to start, and with what.

    Attributes:
        image: its name.
        kind: the kind of task.
        instance_id: its third part fits the kind.
        run: folder for what the container writes.
        name: the container's.
        user: ``UID:GID``.
        data: images, mounted read-only at the same path; None for none.
        model: model file, likewise.
        port: on the host; None for any free one.
        network: a Docker network, ``host`` among them; None for the default one.
        gpus: how many, -1 for all, None for none.
        memory: a limit such as ``2g``.
        environment: further variables.
        temporary: what is ``/temporary``, with log and spool; None: a folder below ``run``.
        spool: the spool, if it is to outlive the instance; None: in ``/temporary``.
        reported_before: how many messages former instances have put into that spool.
        output: what is ``output`` in the algorithm's folder, with the models; None: likewise.
        published: whether the port is published on the host's loopback, as it is needed by
            whoever is on the host.
        labels: further labels.
        on_host: says where a path of this machine lies on the engine's host.
    """

    image: str
    kind: TaskKind
    instance_id: str
    run: Path
    name: str
    user: str
    data: Path | None = None
    model: Path | None = None
    port: int | None = None
    network: str | None = None
    gpus: int | None = None
    memory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    temporary: Path | None = None
    spool: Path | None = None
    reported_before: int = 0
    output: Path | None = None
    published: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    on_host: Callable[[Path], str] = str

    @property
    def temporary_folder(self) -> Path:
        """What is ``/temporary`` in the container: log, spool, journal."""
        return self.temporary or self.run / "temporary"

    @property
    def output_folder(self) -> Path:
        """What is ``output`` in the algorithm's folder."""
        return self.output or self.run / "output"

    @property
    def on_host_network(self) -> bool:
        """Whether the container shares the host's network."""
        return self.network == HOST_NETWORK

    @property
    def inner_port(self) -> int:
        """The port in the container."""
        return self.port if self.on_host_network and self.port else DEFAULT_PORT

    def make_folders(self) -> None:
        """Make the folders that the container writes to, fit for its user.

        Raises:
            OSError: they cannot be made.
        """
        for folder in filter(None, (self.temporary_folder, self.output_folder, self.spool)):
            folder.mkdir(parents=True, exist_ok=True)
            if self.user != own_user():
                folder.chmod(0o1777)

    def variables(self) -> dict[str, str]:
        """Return the container's environment."""
        env = {
            "INSTANCE_ID": self.instance_id,
            "PORT": str(self.inner_port),
            "DUBHE_TEMPORARY": TEMPORARY,
        }
        if self.spool is not None:
            env["DUBHE_SPOOL_DIR"] = SPOOL
        if self.model is not None:
            env["model_path"] = str(self.model)
        return {**self.environment, **env}

    def volumes(self, workdir: str) -> dict[str, dict[str, str]]:
        """Return the mounts, for an image with this working directory."""
        mounts = (
            (self.temporary_folder, TEMPORARY, "rw"),
            (self.output_folder, f"{workdir.rstrip('/')}/output", "rw"),
            (self.spool, SPOOL, "rw"),
            (self.data, str(self.data), "ro"),
            (self.model, str(self.model), "ro"),
        )
        return {
            self.on_host(path): {"bind": bind, "mode": mode}
            for path, bind, mode in mounts
            if path is not None
        }

    def arguments(self, workdir: str) -> dict[str, Any]:
        """Return what `docker.models.containers.ContainerCollection.create` takes."""
        arguments: dict[str, Any] = {
            "image": self.image,
            "name": self.name,
            "user": self.user,
            "environment": self.variables(),
            "volumes": self.volumes(workdir),
            "labels": self._labels(),
            "mem_limit": self.memory,
        }
        if self.network is not None:
            key = "network_mode" if self.on_host_network else "network"
            arguments[key] = self.network
        if self.published and not self.on_host_network:
            arguments["ports"] = {f"{self.inner_port}/tcp": ("127.0.0.1", self.port)}
        if self.gpus is not None:
            from docker.types import DeviceRequest

            request = DeviceRequest(count=self.gpus, capabilities=[["gpu"]])
            arguments["device_requests"] = [request]
        return arguments

    def _labels(self) -> dict[str, str]:
        """Return the labels, with what a later session of the platform has to know: `notes`."""
        return {
            RUN_LABEL: str(self.run),
            INSTANCE_LABEL: self.instance_id,
            KIND_LABEL: self.kind.value,
            SPOOL_LABEL: str(self.spool or ""),
            REPORTED_LABEL: str(self.reported_before),
            **self.labels,
        }


def own_user() -> str:
    """Return the caller's ``UID:GID``."""
    return f"{os.getuid()}:{os.getgid()}"


def default_user(info: Mapping[str, Any]) -> str:
    """Return the caller; with a rootless engine the caller is the container's root.

    Args:
        info: what the engine says of itself.
    """
    return "0:0" if _ROOTLESS in (info.get("SecurityOptions") or ()) else own_user()


def network_for(brokers: str | None, chosen: str | None, info: Mapping[str, Any]) -> str | None:
    """Return the network; a broker on the host's loopback is only there on the host's own.

    Args:
        brokers: that the container is to reach.
        chosen: by the user, if at all.
        info: what the engine says of itself.

    Raises:
        EngineError: a container on that network, or of that engine, cannot reach the brokers.
    """
    if brokers is None or not on_loopback(brokers) or chosen == HOST_NETWORK:
        return chosen
    if chosen is not None:
        raise EngineError(translate("run_loopback_network", brokers=brokers, network=chosen))
    system = str(info.get("OperatingSystem", ""))
    if system == _DESKTOP or sys.platform != "linux":
        raise EngineError(translate("run_loopback", brokers=brokers, system=system))
    return HOST_NETWORK


def on_loopback(brokers: str) -> bool:
    """Return whether a broker has a loopback address, which a container takes for its own."""
    return any(entry.strip().startswith(_LOOPBACK) for entry in brokers.split(","))


def read_environment(words: Sequence[str]) -> dict[str, str]:
    """Return the variables that ``K=V`` sets; ``K`` alone hands the caller's own on.

    Raises:
        EngineError: a variable that another option decides, or one that is not set.
    """
    found = {}
    for word in words:
        name, given, value = word.partition("=")
        if name in _OURS:
            raise EngineError(translate("run_env_ours", name=name, option=_OURS[name]))
        if not given and name not in os.environ:
            raise EngineError(translate("run_env_unset", name=name))
        found[name] = value if given else os.environ[name]
    return found
