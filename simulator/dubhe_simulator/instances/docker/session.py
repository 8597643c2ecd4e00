"""A container from its start to its end, as somebody in front of a terminal lives through it."""

from __future__ import annotations

import contextlib
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator import interrupts
from dubhe_simulator.contract.model_files import best, model_files
from dubhe_simulator.errors import EngineError, Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.docker.container import RunningContainer
from dubhe_simulator.instances.docker.logs import LogFollower
from dubhe_simulator.instances.docker.readiness import Readiness
from dubhe_simulator.instances.docker.sample_request import sample_body, send_line, write_sample
from dubhe_simulator.instances.docker.spec import ContainerSpec

if TYPE_CHECKING:
    from docker import DockerClient

    from dubhe_simulator.terminal.screen import Screen

POLL_INTERVAL_S = 0.2
LAST_LINES_S = 5.0
EXIT_OK = 0
EXIT_FAILED = 1


class ContainerSession:
    """One run of one container.

    Args:
        client: the engine's.
        spec: what to start.
        screen: where to tell about it.
        what: how the user named the image, as words for the next command.
        ready_timeout: seconds for the instance to become ready.
        detach: leave it running once it is ready.
    """

    def __init__(
        self,
        client: DockerClient,
        spec: ContainerSpec,
        screen: Screen,
        *,
        what: str,
        ready_timeout: float,
        detach: bool = False,
    ) -> None:
        self._client = client
        self._spec = spec
        self._screen = screen
        self._what = what
        self._ready_timeout = ready_timeout
        self._detach = detach

    @property
    def console(self) -> Path:
        """Everything the container wrote."""
        return self._spec.run / "console.log"

    def run(self) -> int:
        """Run it. Returns the container's exit status; 0 if it was left running.

        Raises:
            EngineError: it could not be started, or did not become ready. It is gone then.
            OSError: folders cannot be written, or the engine went away.
        """
        spec = self._spec
        spec.make_folders()
        self._screen.line(
            translate(
                "run_starting", name=spec.name, image=spec.image, instance_id=spec.instance_id
            )
        )
        with ExitStack() as stack:
            with interrupts.deferred():  # or nobody would remove it
                container = RunningContainer(self._client, spec)
                stack.callback(container.remove)
                container.start()
            log_follower = LogFollower(container.container, self._screen, self.console)
            log_follower.start()
            try:
                self._wait_until_ready(container, log_follower)
                self._show_ready(container, log_follower)
                if self._detach:
                    log_follower.write_line(translate("run_detached", name=spec.name))
                    stack.pop_all()
                    return EXIT_OK
                status = self._wait_for_end(container, log_follower)
            except Stopped:
                status = self._stop(container, log_follower)
            log_follower.finish(LAST_LINES_S)
            self._show_exit(container, log_follower, status)
        return status

    def _wait_until_ready(self, container: RunningContainer, log_follower: LogFollower) -> None:
        begun = time.monotonic()
        readiness = Readiness(self._spec.temporary_folder)
        while not readiness.ready:
            ended = container.ended()  # asked first: what it said before its end is then there
            readiness.poll()
            waited = time.monotonic() - begun
            if readiness.ready:
                break
            if ended is not None:
                log_follower.finish(LAST_LINES_S)
                raise EngineError(
                    translate("run_ended_early", status=ended, console=self.console)
                    + (f" ({readiness.failure})" if readiness.failure else "")
                )
            if readiness.failure is not None:
                raise EngineError(translate("run_failed_early", message=readiness.failure))
            if waited > self._ready_timeout:
                raise EngineError(
                    translate("run_timeout", seconds=self._ready_timeout, console=self.console)
                )
            log_follower.wait(translate("run_waiting", seconds=waited))
            self._pause(log_follower)
        self._ready_after = time.monotonic() - begun

    def _show_ready(self, container: RunningContainer, log_follower: LogFollower) -> None:
        spec = self._spec
        host, port = container.address
        body = sample_body(spec.kind, spec.instance_id, spec.data)
        request = spec.run / "request.json"
        write_sample(request, body)
        log_follower.write_line(
            translate(
                "run_ready",
                seconds=self._ready_after,
                protocol=container.protocol,
                host=host,
                port=port,
            )
        )
        line = send_line(spec.kind, container.protocol, port, request)
        log_follower.write_line(translate("run_send", line=line))
        log_follower.write_line(translate("run_files", folder=spec.run))
        if spec.on_host_network:
            log_follower.write_line(translate("run_all_interfaces"))
        if not self._detach:
            log_follower.write_line(translate("run_ctrl_c"))

    def _wait_for_end(self, container: RunningContainer, log_follower: LogFollower) -> int:
        while (status := container.ended()) is None:
            self._pause(log_follower)
        return status

    def _stop(self, container: RunningContainer, log_follower: LogFollower) -> int:
        """End it in order; a second signal, or the end of its time, kills it."""
        with interrupts.deferred():
            with contextlib.suppress(Stopped):  # nobody may read any more
                log_follower.write_line(translate("run_stopping", name=self._spec.name))
            container.stop()
            begun = time.monotonic()
            while (status := container.ended()) is None:
                if interrupts.count() > 1 or time.monotonic() - begun > container.grace:
                    container.stop(impatient=True)
                log_follower.finish(POLL_INTERVAL_S)
        return status

    def _show_exit(
        self, container: RunningContainer, log_follower: LogFollower, status: int
    ) -> None:
        with contextlib.suppress(Stopped):
            if container.out_of_memory:
                log_follower.write_line(translate("run_oom", memory=self._spec.memory or "-"))
            model = best(model_files(self._spec.output_folder / "models"))
            if self._spec.kind is TaskKind.TRAIN and model is not None:
                log_follower.write_line(translate("run_model", path=model))
                log_follower.write_line(
                    translate("run_model_next", what=self._what, path=model).replace("  ", " ")
                )
            log_follower.write_line(translate("run_ended", status=status))

    def _pause(self, log_follower: LogFollower) -> None:
        """Wait a moment, or until the container writes nothing more: it has ended then."""
        log_follower.finish(POLL_INTERVAL_S)
        if log_follower.reader_gone.is_set():
            raise Stopped(signal.SIGPIPE)
