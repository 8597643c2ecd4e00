"""One Compose project with a name, a port and volumes of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from tests.docker import engine
from tests.kafka.broker import free_ports
from tests.kafka.reader import Message, read_topic
from tests.support.waiting import wait_for

BUILDS = Path(__file__).with_name("builds.yaml")
FILE = engine.REPOSITORY / "docker-compose.yml"
COMPOSE = os.environ.get("TEST_COMPOSE", "docker-compose")
TIMEOUT_S = 240


class Project:
    """Runs docker-compose 1.29, or what ``TEST_COMPOSE`` names (``docker compose``, for example).

    Leaving it removes containers, volumes and the algorithm's image.

    Args:
        client: of the engine.
        tools: a folder for the ``docker`` command that 1.29 builds by.
        environment: further variables; they win.
    """

    def __init__(
        self, client: docker.DockerClient, tools: Path, environment: Mapping[str, str]
    ) -> None:
        self._client = client
        self.name = f"dubhe-test-{uuid.uuid4().hex[:8]}"
        self.port, self.page_port = free_ports(2)
        tools.mkdir(parents=True, exist_ok=True)
        (tools / "docker").symlink_to(engine.command_line())
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "COMPOSE_"))},
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "DOCKER_BUILDKIT": "1",
            "COMPOSE_DOCKER_CLI_BUILD": "1",
            "BUILDKIT_PROGRESS": "plain",
            "COMPOSE_PROJECT_NAME": self.name,
            "ALGORITHM_IMAGE": self.name,
            "KAFKA_PORT": str(self.port),
            "DUBHE_UI_PORT": str(self.page_port),
            "SPECIAL_PARAMS": '{"epochs": 2}',
            **environment,
        }

    @property
    def bootstrap(self) -> str:
        """``host:port`` of the broker, from the host."""
        return f"127.0.0.1:{self.port}"

    def command(self, *words: str, files: tuple[Path, ...] = (FILE, BUILDS)) -> list[str]:
        """Return a command line."""
        program, *more = shlex.split(COMPOSE)
        compose = shutil.which(program, path=self.environment["PATH"])
        if compose is None:
            raise engine.EngineError(f"{program} is absent: `tests/docker/engine start`")
        if words[0] == "up" and COMPOSE != "docker-compose":
            # Debian's engine is too old for what v2's own file says of builds, and of this.
            words = ("up", "--no-attach", "base", *words[1:])
        named = [word for file in files for word in ("--file", str(file))]
        directory = ["--project-directory", str(engine.REPOSITORY)]
        return [compose, *more, "--ansi", "never", *named, *directory, *words]

    def run(
        self, *words: str, files: tuple[Path, ...] = (FILE, BUILDS)
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its output and errors are in ``stdout``."""
        return subprocess.run(
            self.command(*words, files=files),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def container(self, service: str) -> Container:
        """Return the container of a service, running or not."""
        [found] = self._containers("oneoff=False", f"service={service}")
        return found

    def instances(self) -> list[Container]:
        """Return the containers of instances that the platform has started and not removed."""
        return self._containers("oneoff=True")

    def set(self, **environment: str) -> None:
        """Change variables for the commands to come."""
        self.environment.update(environment)

    def wait_for_health(self, service: str) -> None:
        """Wait until the service's container exists and is healthy."""

        def healthy() -> bool:
            try:
                state = self.container(service).attrs["State"]
            except (ValueError, NotFound):  # it is being made
                return False
            return bool(state.get("Health", {}).get("Status") == "healthy")

        wait_for(healthy, f"{service} to be healthy", timeout=TIMEOUT_S)

    def address(self) -> str:
        """Wait until the platform prints where its page is; return what it printed last."""
        platform = self.container("platform")
        started = platform.attrs["State"]["StartedAt"]
        seen: list[str] = []

        def printed() -> bool:
            lines = platform.logs(timestamps=True).decode().splitlines()
            seen[:] = [line for line in lines if "page: http://" in line and line >= started]
            return bool(seen)

        wait_for(printed, lambda: platform.logs().decode()[-2000:], timeout=TIMEOUT_S)
        return seen[-1].rpartition(" ")[2]

    def read(self, topic: str) -> list[Message]:
        """Return all messages of a topic; starts the broker again if it was stopped."""
        self.container("kafka").start()
        self.wait_for_health("kafka")
        return read_topic(self.bootstrap, topic)

    def statuses(self) -> dict[str, int]:
        """Return the exit status of each service's container."""
        found = self._containers("oneoff=False")
        return {c.labels["com.docker.compose.service"]: c.attrs["State"]["ExitCode"] for c in found}

    def left(self) -> list[str]:
        """Return what the project still has in the engine."""
        label = {"label": "com.docker.compose.project=" + self.name}
        parts = (
            *self._client.containers.list(all=True, filters=label, ignore_removed=True),
            *self._client.networks.list(filters=label),
            *self._client.volumes.list(filters=label),
        )
        return [part.name for part in parts]

    def _containers(self, *labels: str) -> list[Container]:
        wanted = [f"com.docker.compose.{label}" for label in (f"project={self.name}", *labels)]
        found: list[Container] = self._client.containers.list(
            all=True, filters={"label": wanted}, ignore_removed=True
        )
        return found

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run("down", "--volumes", "--timeout", "1")
        if self._client.images.list(self.name):
            self._client.images.remove(self.name, force=True)
