"""`StatePublisher`: owns the service's phase and publishes the state."""

from __future__ import annotations

import logging
from typing import Any

from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.environment import Settings
from dubhe_sdk.process.state_file import StateFile
from dubhe_sdk.service.models import Models
from dubhe_sdk.service.state import Phase, ServiceState
from dubhe_sdk.service.web_front import WebFront


class StatePublisher:
    """Publishes to the web front, and to the state file that `dubhe health` and `status` read.

    Args:
        settings: the environment.
        log: the SDK's logger.
        web: the web front.
        models: the model processes.
    """

    def __init__(
        self, settings: Settings, log: logging.Logger, web: WebFront, models: Models
    ) -> None:
        self._settings = settings
        self._log = log
        self._web = web
        self._models = models
        self._file = StateFile(settings.spool, "service")
        self._detail = ""
        self._state = ServiceState(Phase.STARTING)
        self._figures: dict[str, Any] | None = None
        self.phase = Phase.STARTING
        self.instance_id = settings.instance_id

    @property
    def kind(self) -> TaskKind | None:
        """The instance's kind; None while the model has not sent its id."""
        return kind_of(self.instance_id) if self.instance_id else None

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Change the phase and publish it.

        Args:
            phase: the new one.
            detail: why, for people.
        """
        self.phase, self._detail = phase, detail
        self.publish()

    def publish(self) -> None:
        """Publish the state as it is now."""
        state = ServiceState(
            phase=self.phase,
            instance_id=self.instance_id,
            kind=self.kind,
            platform_mode=self._settings.platform_mode,
            detail=self._detail,
            unavailable=self._models.unavailable,
            batch_size=self._models.batch_size,
            batch_wait_seconds=self._models.batch_wait_seconds,
        )
        self._web.publish(state)
        self._state = state
        self._write()

    def publish_figures(self, figures: dict[str, Any]) -> None:
        """Publish what the web front counts of inferences, for the sidecar's metrics.

        Args:
            figures: those of `dubhe_sdk.service.web.inference.figures`.
        """
        if figures != self._figures:
            self._figures = figures
            self._write()

    def _write(self) -> None:
        try:
            self._file.update(
                port=self._settings.port,
                protocol=self._settings.protocol,
                state=self._state.to_json(),
                inferences=self._figures,
            )
        except OSError as error:  # for example a full disk: only `dubhe health` misses it
            self._log.warning("the service's state cannot be written to the spool: %s", error)

    def close(self) -> None:
        """Remove the state file."""
        self._file.close()
