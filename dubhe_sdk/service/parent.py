"""The service parent: owns the job slot and the state, and tells every death.

It is the process that ``python3 -u app.py`` becomes. Standard library only, one thread for all
decisions, a loop over three descriptors: signals, the web front's channel, the model's channel.

Exactly one END follows each START: this process alone says both, into one stream of its own.
The END is said when the model has told how the task ended, or when the model is dead and
everything it had started has been killed, so nothing of the task can follow it. If this process
is itself killed, the sidecar finds the START without END in a stream whose writer is dead, and
adds the END.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dubhe_sdk import environment
from dubhe_sdk.environment import Settings
from dubhe_sdk.kind import TaskKind, kind_of
from dubhe_sdk.log import open_log
from dubhe_sdk.process import lifeline, memory, tree
from dubhe_sdk.process.linux import adopt_orphans
from dubhe_sdk.process.presence import Presence
from dubhe_sdk.reporter import SERVICE_VARIABLE, Reporter
from dubhe_sdk.service.children import Child, start_model, start_web
from dubhe_sdk.service.identity import manual_instance_id
from dubhe_sdk.service.listen import listen
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.options import ServiceOptions
from dubhe_sdk.service.progress_log import ProgressLog
from dubhe_sdk.service.slot import Job, JobSlot
from dubhe_sdk.service.state import Phase, ServiceState

_TERM_REPEAT_SECONDS = 0.3
_WEB_STOP_SECONDS = 3.0
_WEB_ATTEMPTS = 5  # a front that never served is broken, not unlucky
_BACKOFF_SECONDS = (0.2, 0.5, 1, 2, 5, 10, 30)
_LONGEST_RUN_DIR = 90
_STABLE_SECONDS = 60.0  # a child that lived so long starts again without backoff

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
        self._model: Child | None = None
        self._started = {"web": 0.0, "model": 0.0}
        self._restarts = {"web": 0, "model": 0}
        self._instance_id = settings.instance_id
        self._phase = Phase.STARTING
        self._detail = ""
        self._web_serving = False
        self._has_served = False
        self._constructed = False
        self._said_ready = False
        self._failure: str | None = None  # why the model could not be constructed
        self._web_stopping = False
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
        os.environ[SERVICE_VARIABLE] = service = secrets.token_hex(8)
        adopt_orphans()
        self._slot = self._slot_for(
            self._instance_id or manual_instance_id(self._app, TaskKind.TRAIN)
        )
        with listen(self._settings.port) as self._listener:
            self._run_dir = _make_run_dir()
            self._presence = Presence(self._settings.spool, "service")
            self._progress_log = ProgressLog(self._settings.spool, service, self._log)
            self._progress_log.start()
            signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
            self._loop.catch(signals, self._on_signal)
            self._watch_lifeline()
            try:
                self._start_web()
                self._start_model()
                while not self._over:
                    self._loop.turn()
            finally:
                self._kill_everything()
                self._progress_log.stop()
                shutil.rmtree(self._run_dir, ignore_errors=True)
                self._presence.close()
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
            self._look_for_deaths()
        elif self._phase is Phase.STOPPING:
            self._log.warning("%s again: killing the model", signal.Signals(signum).name)
            self._kill_model()
        else:
            self._stop(signal.Signals(signum).name)

    def _look_for_deaths(self) -> None:
        if self._model is not None and self._model.returncode is not None:
            self._read_model()  # what it said before it died
            self._on_model_death(self._model.returncode)
        if self._web is not None and self._web.returncode is not None:
            self._on_web_death(self._web.returncode)
        living = {child.pid for child in (self._model, self._web) if child is not None}
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
        )
        if self._web is not None:
            self._web.channel.send({"op": "state", "state": state.to_json()})
        try:
            self._presence.update(
                port=self._settings.port, protocol=self._settings.protocol, state=state.to_json()
            )
        except OSError as error:  # a full disk, say: only `dubhe health` misses it
            self._log.warning("the service's state cannot be written to the spool: %s", error)

    def _ready_if_all_is(self) -> None:
        if not (self._constructed and self._web_serving) or self._phase is Phase.STOPPING:
            return
        # The web front knows it before the platform does, which may send its request at once.
        self._enter(Phase.READY if self._slot.job is None else Phase.BUSY)
        if not self._said_ready:
            self._said_ready = True
            self._slot.say_ready()

    @property
    def _is_inference(self) -> bool:
        return self._instance_id is not None and kind_of(self._instance_id) is TaskKind.INFERENCE

    # --- the web front ------------------------------------------------------------------------

    def _start_web(self) -> None:
        if self._phase is Phase.STOPPING:
            return
        options = self._options
        self._web = start_web(
            self._settings.protocol,
            self._listener,
            self._run_dir,
            options.inference_concurrency,
            options.inference_queue,
        )
        self._started["web"] = time.monotonic()
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
            if message["op"] == "serving":
                self._web_serving = self._has_served = True
                self._ready_if_all_is()
            elif message["op"] == "start":
                verdict = self._start_job(Job(message["type"], message["request"]))
                web.channel.send({"op": "verdict", "id": message["id"], "verdict": verdict})

    def _on_web_death(self, returncode: int) -> None:
        assert self._web is not None
        self._loop.forget(self._web.channel)
        self._web.channel.close()
        self._web = None
        self._web_serving = False
        if self._phase is Phase.STOPPING:
            self._go_on_stopping()
            return
        what = f"the web front {tree.describe_exit(returncode)}"
        if not self._has_served and self._restarts["web"] >= _WEB_ATTEMPTS - 1:
            self._fail(f"{what}, {_WEB_ATTEMPTS} times before it served")
            return
        delay = self._backoff("web")
        self._log.error("%s; it starts again in %.1f s", what, delay)
        self._loop.after(delay, self._start_web)

    # --- the model ----------------------------------------------------------------------------

    def _start_model(self) -> None:
        if self._phase is Phase.STOPPING:
            return
        self._enter(Phase.STARTING)
        self._failure = None
        self._model = start_model(
            self._app, self._arguments, self._run_dir, self._options.inference_concurrency
        )
        self._started["model"] = time.monotonic()
        self._loop.watch(self._model.channel, self._read_model)

    def _read_model(self) -> None:
        if self._model is None:
            return
        received = self._model.channel.poll()
        if received is None:  # it has closed its end; SIGCHLD will tell the rest
            self._loop.forget(self._model.channel)
        for message in received or []:
            op = message["op"]
            if op == "hello":
                self._meet(message["instance_id"])
            elif op == "constructed":
                self._constructed = True
                self._ready_if_all_is()
            elif op == "failed":
                self._failure = message["error"]
            elif op == "ended":
                self._on_job_ended(message["error"])

    def _meet(self, instance_id: str) -> None:
        """Learn the id that the model has chosen in manual mode."""
        if self._instance_id is None:
            self._instance_id = instance_id
            os.environ["INSTANCE_ID"] = instance_id
            self._slot = self._slot_for(instance_id)
        self._publish()

    def _on_model_death(self, returncode: int) -> None:
        assert self._model is not None
        self._loop.forget(self._model.channel)
        self._model.channel.close()
        self._model = None
        self._constructed = False
        killed = tree.kill_orphans(os.getpid(), spare=[self._web.pid] if self._web else [])
        if killed:
            self._log.info("processes of the model that outlived it were ended: %d", len(killed))
        what = self._failure or f"the model process {self._describe_death(returncode)}"
        if self._phase is Phase.STOPPING:
            if self._slot.job is not None:
                self._end_stopped_job()
            self._go_on_stopping()
        elif self._said_ready and self._is_inference:
            self._restart_model_later(what)
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

    def _restart_model_later(self, what: str) -> None:
        delay = self._backoff("model")
        self._log.error("%s; the model starts again in %.1f s", what, delay)
        self._enter(Phase.FAILED, f"{what}; it starts again in {delay:g} s")
        self._loop.after(delay, self._start_model)

    def _backoff(self, name: str) -> float:
        if time.monotonic() - self._started[name] > _STABLE_SECONDS:
            self._restarts[name] = 0
        delay = _BACKOFF_SECONDS[min(self._restarts[name], len(_BACKOFF_SECONDS) - 1)]
        self._restarts[name] += 1
        return delay

    # --- the job ------------------------------------------------------------------------------

    def _start_job(self, job: Job) -> str:
        """Start a task if the slot is free. Returns a `Verdict`'s value."""
        if self._slot.job == job:
            return "duplicate"
        if self._slot.job is not None:
            return "busy"
        if self._phase is not Phase.READY or self._model is None:
            return "unavailable"
        self._slot.start(job)
        self._enter(Phase.BUSY)
        self._model.channel.send({"op": "run", "request": job.request})
        return "started"

    def _on_job_ended(self, error: str | None) -> None:
        if self._phase is Phase.STOPPING:
            # END waits until everything that the task had started is gone too.
            self._ended_while_stopping = error is None
        elif self._slot.job is not None:
            self._slot.end(error)
            self._progress_log.look()
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
            self._slot.say_failed(what)
        elif self._model is None:
            self._slot.end(what)
        self._log.error("the service ends: %s", what)
        self._enter(Phase.FAILED, what)
        self._phase = Phase.STOPPING
        self._status = status
        self._loop.after(self._options.stop_seconds, self._kill_model)
        self._go_on_stopping()

    def _stop(self, why: str) -> None:
        """End in order: the task or the running inferences first, the heartbeat last."""
        self._log.info("%s: the service ends", why)
        self._enter(Phase.STOPPING)
        if self._is_inference and self._web is not None:
            self._stop_web()
        else:
            self._terminate_model()
        self._loop.after(self._options.stop_seconds, self._kill_model)
        self._go_on_stopping()

    def _go_on_stopping(self) -> None:
        """Take the next step of the end that is possible now."""
        if self._model is None and self._web is None:
            self._over = True
        elif self._model is None:
            self._stop_web()
        elif self._web is None:
            self._terminate_model()

    def _terminate_model(self) -> None:
        """Send SIGTERM until it is gone: one that comes at a bad moment is passed over there."""
        if self._model is not None:
            tree.signal_all([self._model.pid], signal.SIGTERM)
            self._loop.after(_TERM_REPEAT_SECONDS, self._terminate_model)

    def _kill_model(self) -> None:
        if self._model is not None:
            self._log.warning("the model did not end in time and is killed")
            tree.signal_all([self._model.pid], signal.SIGKILL)

    def _stop_web(self) -> None:
        if self._web is not None and not self._web_stopping:
            self._web_stopping = True
            tree.signal_all([self._web.pid], signal.SIGTERM)
            self._loop.after(_WEB_STOP_SECONDS, self._kill_web)

    def _kill_web(self) -> None:
        if self._web is not None:
            tree.signal_all([self._web.pid, *tree.descendants(self._web.pid)], signal.SIGKILL)

    def _kill_everything(self) -> None:
        for child in (self._model, self._web):
            if child is not None and child.returncode is None:
                child.process.kill()
                child.process.wait()
        tree.kill_orphans(os.getpid(), spare=[])


def _make_run_dir() -> Path:
    """Make the folder for the model's socket, whose path has to fit into 107 bytes."""
    made = tempfile.mkdtemp(prefix="dubhe-")
    if len(os.fsencode(made)) <= _LONGEST_RUN_DIR:
        return Path(made)
    Path(made).rmdir()
    return Path(tempfile.mkdtemp(prefix="dubhe-", dir="/tmp"))
