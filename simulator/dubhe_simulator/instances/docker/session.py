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
from dubhe_simulator.errors import Stopped
from dubhe_simulator.i18n.container import say
from dubhe_simulator.instances.docker.container import Running
from dubhe_simulator.instances.docker.errors import EngineTrouble
from dubhe_simulator.instances.docker.logs import Follower
from dubhe_simulator.instances.docker.readiness import Readiness
from dubhe_simulator.instances.docker.sample_request import sample_body, send_line, write_sample
from dubhe_simulator.instances.docker.spec import Plan
from dubhe_simulator.instances.local import HOST
from dubhe_simulator.terminal.screen import Screen

if TYPE_CHECKING:
    from docker import DockerClient

LOOK_EVERY_S = 0.2
LAST_LINES_S = 5.0
EXIT_OK = 0
EXIT_FAILED = 1


class Session:
    """One run of one container.

    Args:
        client: the engine's.
        plan: what to start.
        screen: where to tell about it.
        what: how the user named the image, as words for the next command.
        ready_timeout: seconds for the instance to become ready.
        detach: leave it running once it is ready.
    """

    def __init__(
        self,
        client: DockerClient,
        plan: Plan,
        screen: Screen,
        *,
        what: str,
        ready_timeout: float,
        detach: bool = False,
    ) -> None:
        self._client = client
        self._plan = plan
        self._screen = screen
        self._what = what
        self._ready_timeout = ready_timeout
        self._detach = detach

    @property
    def console(self) -> Path:
        """Everything the container wrote."""
        return self._plan.run / "console.log"

    def run(self) -> int:
        """Run it. Returns the container's exit status; 0 if it was left running.

        Raises:
            EngineTrouble: it could not be started, or did not become ready. It is gone then.
            OSError: folders cannot be written, or the engine went away.
        """
        plan = self._plan
        plan.make_folders()
        self._screen.line(
            say("run_starting", name=plan.name, image=plan.image, instance_id=plan.instance_id)
        )
        with ExitStack() as stack:
            with interrupts.deferred():  # or nobody would remove it
                running = Running(self._client, plan)
                stack.callback(running.remove)
                running.start()
            follower = Follower(running.container, self._screen, self.console)
            follower.start()
            try:
                self._wait_until_ready(running, follower)
                self._tell_ready(running, follower)
                if self._detach:
                    follower.say(say("run_detached", name=plan.name))
                    stack.pop_all()
                    return EXIT_OK
                status = self._wait_for_end(running, follower)
            except Stopped:
                status = self._stop(running, follower)
            follower.finish(LAST_LINES_S)
            self._tell_end(running, follower, status)
        return status

    def _wait_until_ready(self, running: Running, follower: Follower) -> None:
        begun = time.monotonic()
        readiness = Readiness(self._plan.temporary)
        while not readiness.ready:
            ended = running.ended()  # asked first: what it said before its end is then there
            readiness.look()
            waited = time.monotonic() - begun
            if readiness.ready:
                break
            if ended is not None:
                follower.finish(LAST_LINES_S)
                raise EngineTrouble(
                    say("run_ended_early", status=ended, console=self.console)
                    + (f" ({readiness.failure})" if readiness.failure else "")
                )
            if readiness.failure is not None:
                raise EngineTrouble(say("run_failed_early", message=readiness.failure))
            if waited > self._ready_timeout:
                raise EngineTrouble(
                    say("run_timeout", seconds=self._ready_timeout, console=self.console)
                )
            follower.wait(say("run_waiting", seconds=waited))
            self._pause(follower)
        self._ready_after = time.monotonic() - begun

    def _tell_ready(self, running: Running, follower: Follower) -> None:
        plan = self._plan
        port = running.port
        body = sample_body(plan.kind, plan.instance_id, plan.data)
        request = plan.run / "request.json"
        write_sample(request, body)
        follower.say(
            say(
                "run_ready",
                seconds=self._ready_after,
                protocol=running.protocol,
                host=HOST,
                port=port,
            )
        )
        line = send_line(running.protocol, port, body, request)
        follower.say(say("run_send", line=line))
        follower.say(say("run_files", folder=plan.run))
        if plan.on_host_network:
            follower.say(say("run_all_interfaces"))
        if not self._detach:
            follower.say(say("run_ctrl_c"))

    def _wait_for_end(self, running: Running, follower: Follower) -> int:
        while (status := running.ended()) is None:
            self._pause(follower)
        return status

    def _stop(self, running: Running, follower: Follower) -> int:
        """End it in order; a second signal, or the end of its time, kills it."""
        with interrupts.deferred():
            with contextlib.suppress(Stopped):  # nobody may read any more
                follower.say(say("run_stopping", name=self._plan.name))
            running.stop()
            begun = time.monotonic()
            while (status := running.ended()) is None:
                if interrupts.count() > 1 or time.monotonic() - begun > running.grace:
                    running.stop(impatient=True)
                follower.finish(LOOK_EVERY_S)
        return status

    def _tell_end(self, running: Running, follower: Follower, status: int) -> None:
        with contextlib.suppress(Stopped):
            if running.out_of_memory:
                follower.say(say("run_oom", memory=self._plan.memory or "-"))
            model = best(model_files(self._plan.output / "models"))
            if self._plan.kind is TaskKind.TRAIN and model is not None:
                follower.say(say("run_model", path=model))
                follower.say(say("run_model_next", what=self._what, path=model).replace("  ", " "))
            follower.say(say("run_ended", status=status))

    def _pause(self, follower: Follower) -> None:
        """Wait a moment, or until the container writes nothing more: it has ended then."""
        follower.finish(LOOK_EVERY_S)
        if follower.reader_gone.is_set():
            raise Stopped(signal.SIGPIPE)
