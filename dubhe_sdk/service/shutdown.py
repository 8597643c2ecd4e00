"""`Shutdown`: the end of a service, in order: by a stop, or because it cannot go on."""

from __future__ import annotations

import logging
import os
import signal

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.launch.shutdown_times import ShutdownTimes
from dubhe_sdk.process import tree
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.models import Models
from dubhe_sdk.service.publisher import StatePublisher
from dubhe_sdk.service.state import Phase
from dubhe_sdk.service.task_processes import TaskProcesses
from dubhe_sdk.service.tasks import TaskControl
from dubhe_sdk.service.web_front import WebFront

EXIT_STOPPED_TASK = 128 + signal.SIGTERM

_REPEAT_SECONDS = 0.3
# What the model process gets to leave by itself, before what it waits for is ended: interpreters
# join their children at the end. A pool is closed in order meanwhile; one whose worker is killed
# too early waits for ever.
_LEAVE_SECONDS = 0.2
_POLL_SECONDS = 0.05
_DRAINING_SHARE = 0.8  # of the web front's time; the rest is for refusals to be sent


class Shutdown:
    """Ends the children one after another.

    Training and evaluation: the model first, since the platform takes a service without a
    heartbeat for dead. Inference: the web front first. It takes no further connections. Over HTTP
    those that it has get one more reply each, which says that it is the last; over TCP they are
    served until their clients are silent for a moment. A client that kept its connection has sent
    its request to a service that did not stop yet: it is run, and refused only shortly before the
    front is out of time.

    Args:
        loop: the parent's event loop.
        log: the SDK's logger.
        times: what task and web front get before they are killed.
        publisher: of the state.
        web: the web front.
        models: the model processes.
        tasks: reports END when nothing of a task is left.
    """

    def __init__(
        self,
        loop: Loop,
        log: logging.Logger,
        times: ShutdownTimes,
        publisher: StatePublisher,
        web: WebFront,
        models: Models,
        tasks: TaskControl,
    ) -> None:
        self._loop = loop
        self._log = log
        self._times = times
        self._publisher = publisher
        self._web = web
        self._models = models
        self._tasks = tasks
        self._processes = TaskProcesses(lambda: models.pids, lambda: web.pids)
        self._cause = ""  # of the END of a task that is cut short
        self._telling = False
        self._out_of_time = False
        self._models_ended = False
        self._poll_pending = False
        self.begun = False
        self.complete = False
        """Whether all children are gone."""
        self.status = 0
        """The service's exit status."""

    def stop(self, reason: str) -> None:
        """End after a stop signal or the death of the container parent.

        Args:
            reason: what it was stopped by, for people.
        """
        self._log.info("%s: the service ends", reason)
        self._cause = messages.stopped(reason)
        serving = self._publisher.kind is TaskKind.INFER and bool(self._web.pids)
        draining = serving and self._publisher.phase is Phase.READY
        self._begin(Phase.DRAINING if draining else Phase.STOPPING)
        if serving:
            self._web.stop(self._times.web)
            if draining:
                self._loop.after(self._times.web * _DRAINING_SHARE, self._refuse_the_rest)
        else:
            self._stop_models()
        self.advance()

    def finish(self, status: int) -> None:
        """End because the one task that was to run has ended.

        Args:
            status: the service's exit status.
        """
        self._log.info("the task has ended, and the service ends with it, as DUBHE_ONCE asks")
        self._begin(Phase.STOPPING)
        self.status = status
        self._stop_models()
        self.advance()

    def fail(self, reason: str, status: int) -> None:
        """End because the algorithm cannot be served any more."""
        self._log.error("the service ends: %s", reason)
        self._cause = reason
        self._begin(Phase.FAILED, reason)
        self.status = status
        self._out_of_time = True  # nothing was told to save
        self._stop_models()
        self.advance()

    def advance(self) -> None:
        """Take the next step that is possible now; to be called after each death."""
        if self._models.living:
            if not self._web.pids:
                self._stop_models()
        elif not self._models_ended:
            self._end_remains()
        elif self._web.pids:
            self._web.stop(self._times.service)
        else:
            self.complete = True

    def on_leaving(self) -> None:
        """Note that a model process runs no method any more and leaves."""
        if self.begun:
            self._loop.after(_LEAVE_SECONDS, self._end_what_is_waited_for)

    def kill_models(self) -> None:
        """Do not wait any longer for the models and what they have started."""
        self._out_of_time = True
        self._models.kill(self._log)
        self.advance()

    def _begin(self, phase: Phase, detail: str = "") -> None:
        self.begun = True
        self._web.do_not_restart()
        self._publisher.enter(phase, detail)
        self._loop.after(self._times.task, self.kill_models)

    def _refuse_the_rest(self) -> None:
        if self._web.pids:
            self._publisher.enter(Phase.STOPPING)

    def _stop_models(self) -> None:
        if not self._telling:
            self._telling = True
            self._tell()

    def _tell(self) -> None:
        """Say stop until all are gone: a model ignores it at a bad moment, and what it has started
        may only now have its handler.
        """
        if self._models_ended:
            return
        self._models.signal_stop()
        if not self._out_of_time:
            self._processes.tell()
        self._loop.after(_REPEAT_SECONDS, self._tell)

    def _is_saving(self) -> bool:
        if self._out_of_time:
            return False
        self._processes.tell()  # one that has just lost the process that told it
        return self._processes.is_saving()

    def _end_what_is_waited_for(self) -> None:
        """While the model process leaves: kill what it waits for, unless that is saving."""
        if self._models.living:
            if not self._is_saving():
                self._processes.kill()
            self._loop.after(_POLL_SECONDS, self._end_what_is_waited_for)

    def _end_remains(self) -> None:
        """After the models' deaths: end what they have left, and report END when it is gone."""
        if self._is_saving():
            self._poll_later()
            return
        self._models_ended = True
        killed = tree.kill_orphans(os.getpid(), spare=self._web.pids)
        if killed:
            self._log.info("processes of the model that outlived it were ended: %d", len(killed))
        stopping = self._publisher.phase is Phase.STOPPING
        if self._tasks.end_stopped(self._cause) and stopping:
            self.status = EXIT_STOPPED_TASK
        self.advance()

    def _poll_later(self) -> None:
        """Advance in a moment: not every death of a descendant is signalled to this process."""

        def poll() -> None:
            self._poll_pending = False
            self.advance()

        if not self._poll_pending:
            self._poll_pending = True
            self._loop.after(_POLL_SECONDS, poll)
