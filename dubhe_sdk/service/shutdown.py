"""`Shutdown`: the end of a service, in order: by a stop, or because it cannot go on."""

from __future__ import annotations

import logging

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.models import Models
from dubhe_sdk.service.publisher import StatePublisher
from dubhe_sdk.service.state import Phase
from dubhe_sdk.service.web_front import WebFront


class Shutdown:
    """Ends the children one after another.

    Training and evaluation: the model first, since the platform takes a service without a
    heartbeat for dead. Inference: the web front first, which answers running requests.

    Args:
        loop: the parent's event loop.
        log: the SDK's logger.
        timeout_seconds: what the model gets between SIGTERM and SIGKILL.
        publisher: of the state.
        web: the web front.
        models: the model processes.
    """

    def __init__(
        self,
        loop: Loop,
        log: logging.Logger,
        timeout_seconds: float,
        publisher: StatePublisher,
        web: WebFront,
        models: Models,
    ) -> None:
        self._loop = loop
        self._log = log
        self._timeout_seconds = timeout_seconds
        self._publisher = publisher
        self._web = web
        self._models = models
        self.begun = False
        self.complete = False
        """Whether all children are gone."""
        self.status = 0
        """The service's exit status."""

    def stop(self, reason: str) -> None:
        """End after a stop signal or the death of the container parent."""
        self._log.info("%s: the service ends", reason)
        self._begin(Phase.STOPPING)
        if self._publisher.kind is TaskKind.INFER and self._web.pids:
            self._web.stop()
        else:
            self._models.terminate()
        self.advance()

    def fail(self, reason: str, status: int) -> None:
        """End because the algorithm cannot be served any more."""
        self._log.error("the service ends: %s", reason)
        self._begin(Phase.FAILED, reason)
        self.status = status
        self._models.terminate()
        self.advance()

    def advance(self) -> None:
        """Take the next step that is possible now; to be called after each death."""
        if self._models.living:
            if not self._web.pids:
                self._models.terminate()
        elif self._web.pids:
            self._web.stop()
        else:
            self.complete = True

    def kill_models(self) -> None:
        """Do not wait for the model any longer."""
        self._models.kill(self._log)

    def _begin(self, phase: Phase, detail: str = "") -> None:
        self.begun = True
        self._web.do_not_restart()
        self._publisher.enter(phase, detail)
        self._loop.after(self._timeout_seconds, self.kill_models)
