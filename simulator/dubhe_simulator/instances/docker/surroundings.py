"""Where the platform itself runs, seen from the engine: on its host, or in one of its containers.

Problem: a platform in a container (``docker-compose.yml``) has the engine start further containers
beside its own. The engine knows its host's paths alone, and nothing that the host's loopback
publishes can be reached from within a container.

Mechanism: the engine describes the platform's container as any other. What is mounted there, and
from where, gives the host's path for every path in a volume or a mounted folder, so that a new
container can have the same folders at the same paths, and nothing else of the platform's (the
engine's socket least of all). Its network is the new container's too.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate

if TYPE_CHECKING:
    from docker import DockerClient

COMPOSE_LABEL = "com.docker.compose."
COMPOSE_ONE_OFF = "com.docker.compose.oneoff"
COMPOSE_SERVICE = "com.docker.compose.service"
# On the platform's container: the service that instances belong to for Compose.
SERVICE_LABEL = "dubhe.instances.service"


@dataclass(frozen=True)
class Surroundings:
    """What a new container takes over from where the platform runs.

    Attributes:
        container: the platform's own, as the engine describes it; None on the engine's host.
    """

    container: Mapping[str, Any] | None = None

    @property
    def network(self) -> str | None:
        """The network of the platform's container; None on the host."""
        if self.container is None:
            return None
        return next(iter(self.container["NetworkSettings"]["Networks"]), None)

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which Compose takes the new container for a part of the project.

        Like one of ``docker compose run``: it goes with ``docker compose down``, should the
        platform have been killed. Compose v2 takes the end of any container with the service's name
        for the service's end, so it is of another one: the file names that by `SERVICE_LABEL`.
        """
        labels = (self.container["Config"]["Labels"] or {}) if self.container else {}
        found = {k: v for k, v in labels.items() if k.startswith(COMPOSE_LABEL)}
        if found and SERVICE_LABEL in labels:
            found[COMPOSE_SERVICE] = labels[SERVICE_LABEL]
        return {**found, COMPOSE_ONE_OFF: "True"} if found else {}

    def on_host(self, path: Path) -> str:
        """Return where a path of the platform's lies on the engine's host.

        Raises:
            EngineError: it is in the platform's container alone.
        """
        if self.container is None:
            return str(path)
        mounts = {Path(m["Destination"]): m["Source"] for m in self.container["Mounts"]}
        for folder in (path, *path.parents):
            if source := mounts.get(folder):
                return str(Path(source) / path.relative_to(folder))
        raise EngineError(translate("not_mounted", path=path))


def surroundings(client: DockerClient) -> Surroundings:
    """Return where this process runs, seen from the engine."""
    from docker.errors import NotFound

    # Its host name is the beginning of a container's id, unless somebody gave it another.
    name = socket.gethostname()
    try:
        container = client.containers.get(name)
    except NotFound:
        return Surroundings()
    return Surroundings(container.attrs if str(container.id).startswith(name) else None)
