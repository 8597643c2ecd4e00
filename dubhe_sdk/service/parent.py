"""The service parent: owns the job slot and the state, and tells every death.

It is the process that ``python3 -u app.py`` becomes. Standard library only, one thread for all
decisions, a loop over signals, the web front's channel, and a channel for each model process.

Exactly one END follows each START: this process alone says both, into one stream of its own.
The END is said when the model has told how the task ended, or when the model is dead and
everything it had started has been killed, so nothing of the task can follow it. If this process
is itself killed, the sidecar finds the START without END in a stream whose writer is dead, and
adds the END.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dubhe_sdk import environment
from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.environment import Settings
from dubhe_sdk.ipc.identity import manual_instance_id
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.process import lifeline, memory, tree
from dubhe_sdk.process.linux import adopt_orphans
from dubhe_sdk.process.state_file import StateFile
from dubhe_sdk.reporting.reporter import SERVICE_VARIABLE, Reporter
from dubhe_sdk.service.children import Child, restart_backoff, socket_of, start_model, start_web
from dubhe_sdk.service.listen import listen
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.models import Model, Models
from dubhe_sdk.service.options import ServiceOptions
from dubhe_sdk.service.progress_log import ProgressLog
from dubhe_sdk.service.slot import Job, JobSlot
from dubhe_sdk.service.state import Phase, ServiceState
from dubhe_sdk.service.watchdog import KEEPALIVE_INTERVAL_SECONDS, Watchdog

_TERM_REPEAT_SECONDS = 0.3
_WEB_STOP_SECONDS = 3.0
_WEB_ATTEMPTS = 5  # a web front that never served is broken, not unlucky
_LONGEST_RUN_DIR = 90

EXIT_FAILED = 1
EXIT_STOPPED_TASK = 128 + signal.SIGTERM


class Service:
    """Serves one algorithm until it is told to stop, or the algorithm fails for good.

    Args:
        settings: the environment.
        options: concurrency, time limits.
        app: the algorithm's file.
        arguments: what follows it on the command line.
    """

    def __init__(
        self, settings: Settings, options: ServiceOptions, app: Path, arguments: Sequence[str]
    ) -> None:
        self._settings = settings
        self._options = options
        self._app = app
        self._arguments = list(arguments)
        self._log: logging.Logger = open_log(settings.log_file)
        self._loop = Loop()
        self._web: Child | None = None
        self._web_backoff = restart_backoff()
        self._web_watchdog = Watchdog()
        self._models = Models()
        self._instance_id = settings.instance_id
        self._phase = Phase.STARTING
        self._detail = ""
        self._web_serving = False
        self._has_served = False
        self._ready_reported = False
        self._web_stopping = False
        self._models_stopping = False
        self._ended_while_stopping = False  # the job came to its own good end nevertheless
        self._status = 0
        self._over = False
        self._oom_kills = memory.oom_kills()

    def run(self) -> int:
        """Serve. Returns the exit status.

        Raises:
            PortUnavailable: the port cannot be listened on.
            SpoolUnusable: the spool cannot be written.
        """
        os.environ[SERVICE_VARIABLE] = service = os.urandom(8).hex()
        adopt_orphans()
        self._slot = self._slot_for(
            self._instance_id or manual_instance_id(self._app, TaskKind.TRAIN)
        )
        with listen(self._settings.port) as self._listener:
            self._run_dir = _make_run_dir()
            self._state_file = StateFile(self._settings.spool, "service")
            self._progress_log = ProgressLog(self._settings.spool, service, self._log)
            self._progress_log.start()
            signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
            self._loop.catch(signals, self._on_signal)
            self._watch_lifeline()
            try:
                self._start_web()
                for model in self._models:
                    self._start_model(model)
                self._start_more_models()
                self._watch_web()
                while not self._over:
                    self._loop.turn()
            finally:
                self._kill_everything()
                self._progress_log.stop()
                shutil.rmtree(self._run_dir, ignore_errors=True)
                self._state_file.close()
        return self._status

    def _slot_for(self, instance_id: str) -> JobSlot:
        return JobSlot(Reporter(self._settings, instance_id), instance_id)

    def _watch_lifeline(self) -> None:
        """Stop when the container parent has died: nobody would deliver what is said."""
        fd = lifeline.inherited(os.environ)
        if fd is not None:

            def on_end() -> None:
                self._loop.forget(fd)
                if self._phase is not Phase.STOPPING:
                    self._stop("the container parent has died")

            self._loop.watch(fd, on_end)

    def _on_signal(self, signum: int) -> None:
        if signum == signal.SIGCHLD:
            self._reap_children()
        elif self._phase is Phase.STOPPING:
            self._log.warning("%s again: killing the model", signal.Signals(signum).name)
            self._kill_models()
        else:
            self._stop(signal.Signals(signum).name)

    def _reap_children(self) -> None:
        for model in self._models.living:
            if model.child is not None and model.child.returncode is not None:
                self._read_model(model)  # what it said before it died
                self._on_model_death(model, model.child.returncode)
        if self._web is not None and self._web.returncode is not None:
            self._on_web_death(self._web.returncode)
        living = {*self._models.pids, *self._web_pids}
        for pid in tree.dead_children(os.getpid()):
            if pid not in living:  # an orphan we adopted; the others' status belongs to Popen
                tree.reap(pid)

    # --- state --------------------------------------------------------------------------------

    def _enter(self, phase: Phase, detail: str = "") -> None:
        self._phase, self._detail = phase, detail
        self._publish()

    def _publish(self) -> None:
        instance_id = self._instance_id
        state = ServiceState(
            phase=self._phase,
            instance_id=instance_id,
            kind=kind_of(instance_id) if instance_id else None,
            platform_mode=self._settings.platform_mode,
            detail=self._detail,
            unavailable=self._models.unavailable,
        )
        if self._web is not None:
            self._web.channel.send({"op": "state", "state": state.to_json()})
        try:
            self._state_file.update(
                port=self._settings.port, protocol=self._settings.protocol, state=state.to_json()
            )
        except OSError as error:  # a full disk, say: only `dubhe health` misses it
            self._log.warning("the service's state cannot be written to the spool: %s", error)

    def _ready_if_all_is(self) -> None:
        """Enter READY when the web front and every model process serve; afterwards, any."""
        models = self._models
        constructed = models.serving if self._ready_reported else not models.unavailable
        if not (constructed and self._web_serving) or self._phase is Phase.STOPPING:
            return
        # The web front knows it before the platform does, which may send its request at once.
        self._enter(Phase.READY if self._slot.job is None else Phase.BUSY, self._describe_missing())
        if not self._ready_reported:
            self._ready_reported = True
            self._slot.report_ready()

    def _describe_missing(self) -> str:
        """Return in words which model processes are missing while others serve; or nothing."""
        models = self._models
        deaths = "; ".join(model.death for model in models if not model.serves and model.death)
        return f"{len(models.serving)} of {len(models)} serve: {deaths}" if deaths else ""

    @property
    def _is_inference(self) -> bool:
        return self._instance_id is not None and kind_of(self._instance_id) is TaskKind.INFERENCE

    @property
    def _web_pids(self) -> list[int]:
        return [] if self._web is None else [self._web.pid]

    # --- the web front ------------------------------------------------------------------------

    def _start_web(self) -> None:
        if self._phase is Phase.STOPPING:
            return
        options = self._options
        self._web = start_web(
            self._settings.protocol,
            self._listener,
            [socket_of(self._run_dir, index) for index in range(options.inference_workers)],
            options.inference_concurrency,
            options.inference_queue,
        )
        self._web_backoff.started()
        self._web_watchdog.reset()
        self._loop.watch(self._web.channel, self._read_web)
        self._publish()

    def _read_web(self) -> None:
        web = self._web
        if web is None:
            return
        received = web.channel.poll()
        if received is None:  # it has closed its end; SIGCHLD will tell the rest
            self._loop.forget(web.channel)
        for message in received or []:
            self._web_watchdog.reset()
            if message["op"] == "serving":
                self._web_serving = self._has_served = True
                self._ready_if_all_is()
            elif message["op"] == "start":
                verdict = self._start_job(Job(message["type"], message["request"]))
                web.channel.send({"op": "verdict", "id": message["id"], "verdict": verdict})

    def _watch_web(self) -> None:
        """Look, again and again, whether the web front is stuck: then it is started anew."""
        self._loop.after(KEEPALIVE_INTERVAL_SECONDS, self._watch_web)
        if self._web is not None and self._web_serving and self._web_watchdog.is_stuck():
            self._log.error("the web front is stuck and is killed")
            self._kill_web()

    def _on_web_death(self, returncode: int) -> None:
        assert self._web is not None
        self._loop.forget(self._web.channel)
        self._web.channel.close()
        self._web = None
        self._web_serving = False
        if self._phase is Phase.STOPPING:
            self._advance_shutdown()
            return
        what = f"the web front {tree.describe_exit(returncode)}"
        if not self._has_served and self._web_backoff.restarts >= _WEB_ATTEMPTS - 1:
            self._fail(f"{what}, {_WEB_ATTEMPTS} times before it served")
            return
        delay = self._web_backoff.next_seconds()
        self._log.error("%s; it starts again in %.1f s", what, delay)
        self._loop.after(delay, self._start_web)

    # --- the model processes ------------------------------------------------------------------

    def _start_model(self, model: Model) -> None:
        if self._phase is Phase.STOPPING:
            return
        if not self._models.serving:
            self._enter(Phase.STARTING)
        model.failure = None
        model.child = start_model(
            self._app,
            self._arguments,
            self._run_dir,
            self._options.inference_concurrency,
            model.index,
        )
        model.backoff.started()
        self._loop.watch(model.child.channel, partial(self._read_model, model))

    def _start_more_models(self) -> None:
        """Start the other ones, once it is known that this is an inference instance."""
        if self._is_inference:
            for model in self._models.grow(self._options.inference_workers):
                self._start_model(model)

    def _read_model(self, model: Model) -> None:
        if model.child is None:
            return
        received = model.child.channel.poll()
        if received is None:  # it has closed its end; SIGCHLD will tell the rest
            self._loop.forget(model.child.channel)
        for message in received or []:
            op = message["op"]
            if op == "hello":
                self._on_hello(message["instance_id"])
            elif op == "constructed":
                model.constructed, model.death = True, ""
                self._ready_if_all_is()
            elif op == "failed":
                model.failure = message["error"]
            elif op == "ended":
                self._on_job_ended(message["error"])

    def _on_hello(self, instance_id: str) -> None:
        """Learn the id that the model has chosen in manual mode."""
        if self._instance_id is None:
            self._instance_id = instance_id
            os.environ["INSTANCE_ID"] = instance_id
            self._slot = self._slot_for(instance_id)
            self._start_more_models()
        self._publish()

    def _on_model_death(self, model: Model, returncode: int) -> None:
        assert model.child is not None
        self._loop.forget(model.child.channel)
        model.child.channel.close()
        model.child = None
        model.constructed = False
        killed = self._models.kill_remains(model, self._web_pids)
        if killed:
            self._log.info("processes of the model that outlived it were ended: %d", len(killed))
        name = self._models.name(model)
        if model.failure is None:
            what = f"{name} {self._describe_death(returncode)}"
        else:
            what = model.failure if len(self._models) == 1 else f"{name}: {model.failure}"
        if self._phase is Phase.STOPPING:
            if self._slot.job is not None:
                self._end_stopped_job()
            self._advance_shutdown()
        elif self._ready_reported and self._is_inference:
            self._restart_model_later(model, what)
        else:
            self._fail(what, tree.exit_status(returncode) or EXIT_FAILED)

    def _describe_death(self, returncode: int) -> str:
        how = tree.describe_exit(returncode)
        if returncode != -signal.SIGKILL:
            return how
        before, self._oom_kills = self._oom_kills, memory.oom_kills()
        if before is None or self._oom_kills is None:
            return f"{how} (probably the container ran out of memory)"
        if self._oom_kills == before:
            return f"{how} (sent by another process: none here was killed for memory)"
        limit = memory.limit_bytes()
        bound = "" if limit is None else f"; its limit is {limit // environment.MIB} MiB"
        return f"{how} (the container ran out of memory{bound})"

    def _restart_model_later(self, model: Model, what: str) -> None:
        delay = model.backoff.next_seconds()
        self._log.error("%s; the model starts again in %.1f s", what, delay)
        model.death = f"{what}; it starts again in {delay:g} s"
        if self._models.serving:
            self._enter(self._phase, self._describe_missing())
        elif not self._models.living:
            self._enter(Phase.FAILED, model.death)
        else:
            self._enter(Phase.STARTING)
        self._loop.after(delay, partial(self._start_model, model))

    # --- the job ------------------------------------------------------------------------------

    def _start_job(self, job: Job) -> str:
        """Start a task if the slot is free. Returns a `Verdict`'s value."""
        if self._slot.job == job:
            return "duplicate"
        if self._slot.job is not None:
            return "busy"
        (model, *_) = self._models  # a training or an evaluation has one
        if self._phase is not Phase.READY or model.child is None:
            return "unavailable"
        self._slot.start(job)
        self._enter(Phase.BUSY)
        model.child.channel.send({"op": "run", "request": job.request})
        return "started"

    def _on_job_ended(self, error: str | None) -> None:
        if self._phase is Phase.STOPPING:
            # END waits until everything that the task had started is gone too.
            self._ended_while_stopping = error is None
        elif self._slot.job is not None:
            self._slot.end(error)
            self._progress_log.poll()
            self._enter(Phase.READY)

    def _end_stopped_job(self) -> None:
        if self._ended_while_stopping:
            self._slot.end(None)
        else:
            self._slot.end("the task was stopped by SIGTERM before its end")
            self._status = EXIT_STOPPED_TASK

    # --- the end ------------------------------------------------------------------------------

    def _fail(self, what: str, status: int = EXIT_FAILED) -> None:
        """The algorithm cannot be served any more: say so, end what still runs, then exit."""
        if self._slot.job is None:
            self._slot.report_failed(what)
        elif not self._models.living:
            self._slot.end(what)
        self._log.error("the service ends: %s", what)
        self._enter(Phase.FAILED, what)
        self._phase = Phase.STOPPING
        self._status = status
        self._terminate_models()
        self._loop.after(self._options.task_stop_timeout_seconds, self._kill_models)
        self._advance_shutdown()

    def _stop(self, why: str) -> None:
        """End in order: the task or the running inferences first, the heartbeat last."""
        self._log.info("%s: the service ends", why)
        self._enter(Phase.STOPPING)
        if self._is_inference and self._web is not None:
            self._stop_web()
        else:
            self._terminate_models()
        self._loop.after(self._options.task_stop_timeout_seconds, self._kill_models)
        self._advance_shutdown()

    def _advance_shutdown(self) -> None:
        """Take the next step of the end that is possible now."""
        models = self._models.living
        if not models and self._web is None:
            self._over = True
        elif not models:
            self._stop_web()
        elif self._web is None:
            self._terminate_models()

    def _terminate_models(self) -> None:
        if not self._models_stopping:
            self._models_stopping = True
            self._repeat_term()

    def _repeat_term(self) -> None:
        """Send SIGTERM until all are gone: one that comes at a bad moment is passed over there."""
        if self._models.living:
            tree.signal_all(self._models.pids, signal.SIGTERM)
            self._loop.after(_TERM_REPEAT_SECONDS, self._repeat_term)

    def _kill_models(self) -> None:
        for model in self._models.living:
            self._log.warning("%s did not end in time and is killed", self._models.name(model))
        tree.signal_all(self._models.pids, signal.SIGKILL)

    def _stop_web(self) -> None:
        if self._web is not None and not self._web_stopping:
            self._web_stopping = True
            tree.signal_all([self._web.pid], signal.SIGTERM)
            self._loop.after(_WEB_STOP_SECONDS, self._kill_web)

    def _kill_web(self) -> None:
        if self._web is not None:
            tree.signal_all([self._web.pid, *tree.descendants(self._web.pid)], signal.SIGKILL)

    def _kill_everything(self) -> None:
        for child in (*(model.child for model in self._models), self._web):
            if child is not None and child.returncode is None:
                child.process.kill()
                child.process.wait()
        tree.kill_orphans(os.getpid(), spare=[])


def _make_run_dir() -> Path:
    """Make the folder for the models' sockets, whose path has to fit into 107 bytes."""
    made = tempfile.mkdtemp(prefix="dubhe-")
    if len(os.fsencode(made)) <= _LONGEST_RUN_DIR:
        return Path(made)
    Path(made).rmdir()
    return Path(tempfile.mkdtemp(prefix="dubhe-", dir="/tmp"))
