"""The service parent: owns the job slot and the state, and reports every death.

It is the process that ``python3 -u app.py`` becomes. Standard library only, one thread for all
decisions, a loop over signals, the web front's channel, and a channel for each model process.

Exactly one END follows each START: only this process reports both, into one stream of its own.
END is reported when the model has sent how the task ended, or when the model is dead and
everything it had started has been killed, so nothing of the task can follow it. If this process
is itself killed, the sidecar finds the START without END in a stream whose writer is dead, and
adds the END.

Starting is below, the rest by concern: `deaths` (why a child died), `shutdown` (the order of the
end), `tasks` (the job), `web_front` and `models` (the children), `publisher` (the state).
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import Settings
from dubhe_sdk.ipc.group_failures import GroupFailures
from dubhe_sdk.ipc.identity import manual_instance_id
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.model.rank_group import group_file
from dubhe_sdk.process import inherited, lifeline, tree
from dubhe_sdk.process.command import CANNOT_START
from dubhe_sdk.process.linux import adopt_orphans
from dubhe_sdk.rank_environment import rank_of
from dubhe_sdk.reporting.reporter import SERVICE_VARIABLE, Reporter
from dubhe_sdk.service.children import Child, socket_of, start_model, start_web
from dubhe_sdk.service.deaths import DeathDescriber
from dubhe_sdk.service.listen import listen
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.models import Models, ModelSlot
from dubhe_sdk.service.options import ServiceOptions
from dubhe_sdk.service.progress_log import ProgressLog
from dubhe_sdk.service.publisher import StatePublisher
from dubhe_sdk.service.rank_watch import RankWatch
from dubhe_sdk.service.run_dir import run_dir
from dubhe_sdk.service.shutdown import Shutdown
from dubhe_sdk.service.slot import Job, JobSlot
from dubhe_sdk.service.state import Phase
from dubhe_sdk.service.tasks import TaskControl
from dubhe_sdk.service.web_front import ATTEMPTS, WebFront

EXIT_FAILED = 1

_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# Their default action would end this process. Algorithms use them for themselves.
_IGNORED = (signal.SIGUSR1, signal.SIGUSR2)


class Service:
    """Serves one algorithm until it has to stop, or the algorithm fails for good.

    Args:
        settings: the environment.
        options: concurrency, time limits.
        app: the algorithm's file.
        arguments: what follows it on the command line.
        module: what to import it as; empty for the file's own name.
        job: a task that begins by itself.
    """

    def __init__(
        self,
        settings: Settings,
        options: ServiceOptions,
        app: Path,
        arguments: Sequence[str],
        module: str = "",
        job: Job | None = None,
    ) -> None:
        self._settings = settings
        self._options = options
        self._app = app
        self._arguments = list(arguments)
        self._module = module
        self._job = job
        self._log: logging.Logger = open_log(settings.log_file)
        self._loop = Loop()
        self._web = WebFront(
            self._loop, self._log, self._launch_web, self._on_web_message, self._on_web_death
        )
        self._models = Models(self._loop, self._launch_model, self._on_model_message)
        self._deaths = DeathDescriber()
        self._ready_reported = False

    def run(self) -> int:
        """Serve. Returns the exit status.

        Raises:
            PortUnavailable: the port cannot be listened on.
            RunDirUnusable: sockets can be made nowhere.
            SpoolUnusable: the spool cannot be written.
        """
        os.environ[SERVICE_VARIABLE] = service = os.urandom(8).hex()
        adopt_orphans()
        slot = self._job_slot(
            self._settings.instance_id or manual_instance_id(self._app, TaskKind.TRAIN)
        )
        with (
            listen(self._settings.port) as self._listener,
            run_dir(self._settings.temporary) as self._run_dir,
        ):
            self._publisher = StatePublisher(self._settings, self._log, self._web, self._models)
            failures = self._group_failures()
            task_file = self._run_dir / "task.json"
            self._tasks = TaskControl(slot, self._models, self._publisher, task_file, failures)
            self._shutdown = Shutdown(
                self._loop,
                self._log,
                self._options.shutdown,
                self._publisher,
                self._web,
                self._models,
                self._tasks,
            )
            self._progress_log = ProgressLog(
                self._settings.spool, service, self._log, self._settings.describe()
            )
            self._progress_log.start()
            caught = [*inherited.not_ignored(_STOPS), *_IGNORED, signal.SIGCHLD]
            self._loop.catch(caught, self._on_signal)
            inherited.unblock(caught)
            self._watch_lifeline()
            if failures is not None:
                RankWatch(self._loop, failures, self._is_group_needed, self._fail_for_rank).poll()
            try:
                self._start()
                while not self._shutdown.complete:
                    self._loop.turn()
            finally:
                self._kill_everything()
                if failures is not None:
                    failures.forget()
                self._progress_log.stop()
                self._publisher.close()
        return self._shutdown.status

    def _job_slot(self, instance_id: str) -> JobSlot:
        return JobSlot(Reporter(self._settings, instance_id), instance_id)

    def _group_failures(self) -> GroupFailures | None:
        """Return those of the ranks that a launcher has started beside this service."""
        if rank_of(os.environ) is None:
            return None
        return GroupFailures(group_file(self._settings.temporary, os.environ))

    # --- starting -----------------------------------------------------------------------------

    def _start(self) -> None:
        self._web.start()
        self._start_model(self._models.first)
        if self._job is not None and not self._shutdown.begun:
            self._tasks.start(self._job)  # held until the model is ready
        self._start_more_models()
        self._web.watch()

    def _start_model(self, model: ModelSlot) -> None:
        if self._shutdown.begun:
            return
        if not self._models.serving:
            self._publisher.enter(Phase.STARTING)
        try:
            self._models.start(model)
        except CANNOT_START as error:
            self._on_model_gone(
                model, f"{self._models.name(model)} cannot be started: {error}", EXIT_FAILED
            )

    def _start_more_models(self) -> None:
        """Start the other ones, once it is known that this is an inference instance."""
        if self._is_inference:
            for model in self._models.grow(self._options.inference_workers):
                self._start_model(model)

    def _launch_web(self) -> Child:
        options = self._options
        return start_web(
            self._settings.protocol,
            self._listener,
            [socket_of(self._run_dir, index) for index in range(options.inference_workers)],
            options.inference_concurrency,
            options.inference_queue,
        )

    def _launch_model(self, index: int) -> Child:
        return start_model(
            self._app,
            self._module,
            self._arguments,
            self._run_dir,
            self._options.inference_concurrency,
            index,
        )

    def _watch_lifeline(self) -> None:
        """Stop when the container parent has died: no process would deliver what is reported."""
        fd = lifeline.inherited(os.environ)
        if fd is not None:

            def on_end() -> None:
                self._loop.forget(fd)
                if not self._shutdown.begun:
                    self._shutdown.stop("the death of the container parent")

            self._loop.watch(fd, on_end)

    # --- signals ------------------------------------------------------------------------------

    def _on_signal(self, signum: int) -> None:
        if signum == signal.SIGCHLD:
            self._reap_children()
        elif signum in _IGNORED:
            self._log.info("%s has no effect on the service", signal.Signals(signum).name)
        elif self._shutdown.begun:
            self._log.warning("%s again: killing the model", signal.Signals(signum).name)
            self._shutdown.kill_models()
        else:
            self._shutdown.stop(signal.Signals(signum).name)

    def _reap_children(self) -> None:
        for model, returncode in self._models.collect_dead():
            self._on_model_death(model, returncode)
        self._web.check()
        children = {*self._models.pids, *self._web.pids}
        for pid in tree.dead_children(os.getpid()):
            if pid not in children:  # an adopted orphan; the others' status belongs to Popen
                tree.reap(pid)

    # --- messages -----------------------------------------------------------------------------

    def _on_web_message(self, message: dict[str, Any]) -> None:
        if message["op"] == "alive":
            self._publisher.publish_figures(message["inferences"])
        elif message["op"] == "serving":
            self._report_ready_when_all_serve()
        elif message["op"] == "start":
            reply = self._tasks.start(Job(message["type"], message["request"]))
            self._web.send({"op": "start_reply", "id": message["id"], "reply": reply})

    def _on_model_message(self, model: ModelSlot, message: dict[str, Any]) -> None:
        op = message["op"]
        if op == "hello":
            self._on_hello(message["instance_id"])
        elif op == "batches":
            self._models.batch_size = message["size"]
            self._models.batch_wait_seconds = message["wait_seconds"]
        elif op == "constructed":
            model.constructed, model.death = True, ""
            self._report_ready_when_all_serve()
        elif op == "failed":
            model.failure = message["error"]
        elif op == "ended":
            self._on_task_ended(message["error"], message["complete"])
        elif op == "leaving":
            self._shutdown.on_leaving()

    def _on_hello(self, instance_id: str) -> None:
        """Take over the id that the model has chosen in manual mode."""
        if self._publisher.instance_id is None:
            self._publisher.instance_id = instance_id
            os.environ["INSTANCE_ID"] = instance_id
            self._tasks.slot = self._job_slot(instance_id)
            self._start_more_models()
        self._publisher.publish()

    def _report_ready_when_all_serve(self) -> None:
        """Enter READY when the web front and every model process serve; afterwards, any."""
        models = self._models
        constructed = models.serving if self._ready_reported else not models.unavailable
        if not (constructed and self._web.serving) or self._shutdown.begun:
            return
        # The web front learns it before the platform, which may send its request at once.
        phase = Phase.READY if self._tasks.slot.job is None else Phase.BUSY
        self._publisher.enter(phase, models.describe_missing())
        if not self._ready_reported:
            self._ready_reported = True
            self._tasks.slot.report_ready()
            if not self._tasks.start_held():
                self._finish_if_once(EXIT_FAILED)

    def _on_task_ended(self, error: str | None, complete: bool) -> None:
        if self._shutdown.begun:
            self._tasks.end_during_shutdown(error, complete)
        elif self._tasks.end(error):
            self._progress_log.poll()
            self._publisher.enter(Phase.READY)
            self._finish_if_once(EXIT_FAILED if error else 0)

    def _finish_if_once(self, status: int) -> None:
        if self._options.once:
            self._shutdown.finish(status)

    # --- deaths -------------------------------------------------------------------------------

    def _on_web_death(self, how: str) -> None:
        if self._shutdown.begun:
            self._shutdown.advance()
        elif self._web.is_broken:
            self._fail(f"{how}, {ATTEMPTS} times before it served", EXIT_FAILED)
        else:
            self._web.restart_later(how)

    def _on_model_death(self, model: ModelSlot, returncode: int) -> None:
        if self._shutdown.begun:
            self._shutdown.advance()
            return
        killed = self._models.kill_remains(model, self._web.pids)
        if killed:
            self._log.info("processes of the model that outlived it were ended: %d", len(killed))
        name = self._models.name(model)
        if model.failure is None:
            reason = f"{name} {self._deaths.describe(returncode)}"
        else:
            reason = model.failure if len(self._models) == 1 else f"{name}: {model.failure}"
        self._on_model_gone(model, reason, tree.exit_status(returncode) or EXIT_FAILED)

    def _on_model_gone(self, model: ModelSlot, reason: str, status: int) -> None:
        if self._ready_reported and self._is_inference:
            self._restart_model_later(model, reason)
        else:
            self._fail(reason, status)

    def _restart_model_later(self, model: ModelSlot, reason: str) -> None:
        delay = model.backoff.next_seconds()
        self._log.error("%s; the model starts again in %.1f s", reason, delay)
        model.death = f"{reason}; it starts again in {delay:g} s"
        if self._models.serving:
            self._publisher.enter(self._publisher.phase, self._models.describe_missing())
        elif not self._models.living:
            self._publisher.enter(Phase.FAILED, model.death)
        else:
            self._publisher.enter(Phase.STARTING)
        self._loop.after(delay, partial(self._start_model, model))

    def _is_group_needed(self) -> bool:
        """Whether the model may be waiting for another rank."""
        constructing = self._publisher.phase is Phase.STARTING
        running = self._tasks.slot.job is not None
        return not self._shutdown.begun and (constructing or running)

    def _fail_for_rank(self, reason: str) -> None:
        self._fail(reason, EXIT_FAILED)

    def _fail(self, reason: str, status: int) -> None:
        self._tasks.fail(reason)
        self._shutdown.fail(reason, status)

    def _kill_everything(self) -> None:
        for child in (*(model.child for model in self._models), self._web.child):
            if child is not None and child.returncode is None:
                child.process.kill()
                child.process.wait()
        tree.kill_orphans(os.getpid(), spare=[])

    @property
    def _is_inference(self) -> bool:
        return self._publisher.kind is TaskKind.INFER
