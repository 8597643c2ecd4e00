"""A container, the broker it delivers to, and topics of its own: what one test needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults import short_timeouts
from tests.faults.container import Container
from tests.faults.final_check import conclude, drain
from tests.faults.verdict import Verdict
from tests.kafka.broker import Broker

INSTANCE_ID = "modelid1412-algorithm112345540-train-1412-4"


class FaultSetup:
    """A container, the broker it delivers to, and topics of its own."""

    def __init__(self, folder: Path, broker: Broker, topics: tuple[str, str]) -> None:
        self.broker = broker
        self.topics = topics
        self._folder = folder
        self._stack = ExitStack()
        self.containers: list[Container] = []

    def container(
        self,
        command: Sequence[str] = (),
        *,
        name: str = "container",
        module: str = short_timeouts.__name__,
        instance_id: str = INSTANCE_ID,
        **more: Any,
    ) -> Container:
        """Make a container; it is not started. Its sidecar is that of a module of these tests."""
        (self._folder / "bin").mkdir(exist_ok=True)
        made = Container(
            self._folder / name,
            self.broker.bootstrap,
            instance_id,
            command,
            dubhe=short_timeouts.command_file(self._folder / "bin", module),
            topics=self.topics,
            **more,
        )
        self.containers.append(self._stack.enter_context(made))
        return made

    def verdict(self) -> Verdict:
        """Have everything delivered and judge. All containers have ended."""
        for container in self.containers:
            container.kill_everything()
            drain(container)
        return conclude(self.broker, self.containers)

    def close(self) -> None:
        """End all containers."""
        self._stack.close()


FaultSetupFactory = Callable[..., FaultSetup]
