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

import contextlib
import heapq
import itertools
import logging
import os
import secrets
import selectors
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dubhe_sdk import messages
from dubhe_sdk.environment import Settings
from dubhe_sdk.kind import TaskKind, kind_of
from dubhe_sdk.log import open_log
from dubhe_sdk.messages import MessageType
from dubhe_sdk.process import lifeline, tree
from dubhe_sdk.process.linux import adopt_orphans
from dubhe_sdk.reporter import SERVICE_VARIABLE, Reporter
from dubhe_sdk.service.children import Child, start_model, start_web
from dubhe_sdk.service.identity import manual_instance_id
from dubhe_sdk.service.listen import listen
from dubhe_sdk.service.options import ServiceOptions
from dubhe_sdk.service.progress_log import ProgressLog
from dubhe_sdk.service.state import Phase, ServiceState
from dubhe_sdk.spool.frame import Kind

_TERM_REPEAT_SECONDS = 0.3
_WEB_STOP_SECONDS = 3.0
_BACKOFF_SECONDS = (0.2, 0.5, 1, 2, 5, 10, 30)
_STABLE_SECONDS = 60.0  # a child that lived so long starts again without backoff

EXIT_FAILED = 1
EXIT_STOPPED_TASK = 128 + signal.SIGTERM


class Job(NamedTuple):
    """The training or evaluation that is running."""

    type: int
    request: dict[str, Any]


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
        self._instance_id = settings.instance_id
        self._phase = Phase.STARTING
        self._detail = ""
        self._job: Job | None = None
        self._said_ready = False
        self._web_serving = False
        self._constructed = False
        self._failure: str | None = None  # why the model could not be constructed
        self._exit: int | None = None
        self._restarts = {"web": 0, "model": 0}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_number = itertools.count()
        self._signals: list[int] = []

    def run(self) -> int:
        """Serve. Returns the exit status.

        Raises:
            PortUnavailable: the port cannot be listened on.
            SpoolUnusable: the spool cannot be written.
        """
        os.environ[SERVICE_VARIABLE] = service = secrets.token_hex(8)
        adopt_orphans()
        self._reporter = Reporter(
            self._settings, self._instance_id or manual_instance_id(self._app, TaskKind.TRAIN)
        )
        with listen(self._settings.port) as self._listener:
            self._run_dir = Path(tempfile.mkdtemp(prefix="dubhe-"))
            self._selector = selectors.DefaultSelector()
            progress_log = ProgressLog(self._settings.spool, service, self._log)
            progress_log.start()
            self._catch_signals()
            self._watch_lifeline()
            try:
                self._start_web()
                self._start_model()
                while self._exit is None:
                    self._turn()
            finally:
                self._kill_everything()
                progress_log.stop()
                shutil.rmtree(self._run_dir, ignore_errors=True)
        return self._exit

    # --- the loop -----------------------------------------------------------------------------

    def _turn(self) -> None:
        """Wait for one event, or a timer, and handle all that came."""
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for key, _ in self._selector.select(timeout):
            key.data()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()
        while self._signals:
            self._on_signal(self._signals.pop(0))

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._timer_number), call))

    def _catch_signals(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._signal_sockets = (ours, theirs)

        def forget() -> None:
            with contextlib.suppress(BlockingIOError):
                ours.recv(4096)

        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(signum, lambda number, _: self._signals.append(number))
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(ours, selectors.EVENT_READ, forget)

    def _watch_lifeline(self) -> None:
        """Stop when the container parent has died: nobody would deliver what is said."""
        fd = lifeline.inherited(os.environ)
        if fd is not None:

            def on_end() -> None:
                self._selector.unregister(fd)
                if self._phase is not Phase.STOPPING:
                    self._stop("the container parent has died")

            self._selector.register(fd, selectors.EVENT_READ, on_end)

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

    def _enter(self, phase: Phase, detail: str = "") -> None:
        self._phase, self._detail = phase, detail
        self._publish()

    def _ready_if_all_is(self) -> None:
        if not (self._constructed and self._web_serving) or self._phase is Phase.STOPPING:
            return
        if not self._said_ready:
            self._said_ready = True
            self._reporter.say(Kind.READY, MessageType.READY, messages.ready())
        self._enter(Phase.BUSY if self._job else Phase.READY)

    # --- the web front ------------------------------------------------------------------------

    _web: Child | None = None

    def _start_web(self) -> None:
        options = self._options
        self._web = start_web(
            self._settings.protocol,
            self._listener,
            self._run_dir,
            options.inference_concurrency,
            options.inference_queue,
        )
        self._web_started = time.monotonic()
        self._selector.register(self._web.channel, selectors.EVENT_READ, self._read_web)
        self._publish()

    def _read_web(self) -> None:
        web = self._web
        for message in (web.channel.poll() if web else None) or []:
            if message["op"] == "serving":
                self._web_serving = True
                self._ready_if_all_is()
            elif message["op"] == "start" and web is not None:
                verdict = self._start_job(Job(message["type"], message["request"]))
                web.channel.send({"op": "verdict", "id": message["id"], "verdict": verdict})

    def _on_web_death(self, returncode: int) -> None:
        assert self._web is not None
        self._selector.unregister(self._web.channel)
        self._web.channel.close()
        self._web = None
        self._web_serving = False
        if self._phase is Phase.STOPPING:
            self._go_on_stopping()
            return
        delay = self._backoff("web", self._web_started)
        self._log.error(
            "the web front %s; it starts again in %.1f s", tree.describe_exit(returncode), delay
        )
        self._after(delay, self._restart_web)

    def _restart_web(self) -> None:
        if self._phase is not Phase.STOPPING and self._web is None:
            self._start_web()

    # --- the model ----------------------------------------------------------------------------

    _model: Child | None = None

    def _start_model(self) -> None:
        self._failure = None
        self._model = start_model(
            self._app, self._arguments, self._run_dir, self._options.inference_concurrency
        )
        self._model_started = time.monotonic()
        self._selector.register(self._model.channel, selectors.EVENT_READ, self._read_model)

    def _read_model(self) -> None:
        if self._model is None:
            return
        received = self._model.channel.poll()
        if received is None:  # it has closed its end; SIGCHLD will tell the rest
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._model.channel)
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
            self._reporter = Reporter(self._settings, instance_id)
        self._publish()

    def _on_model_death(self, returncode: int) -> None:
        assert self._model is not None
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._model.channel)
        self._model.channel.close()
        self._model = None
        was_constructed, self._constructed = self._constructed, False
        killed = tree.kill_orphans(os.getpid(), spare=[self._web.pid] if self._web else [])
        if killed:
            self._log.warning("ended %d processes that the model left behind", len(killed))
        what = f"the model process {tree.describe_exit(returncode)}"
        if self._phase is Phase.STOPPING:
            if self._job is not None:
                self._end_job("the task was stopped by SIGTERM before its end")
                self._exit_status = EXIT_STOPPED_TASK
            self._go_on_stopping()
        elif self._job is not None:
            self._log.error("%s during a task", what)
            self._end_job(what)
            self._fail(what, tree.exit_status(returncode) or EXIT_FAILED)
        elif was_constructed and self._is_inference:
            self._restart_model_later(what)
        elif was_constructed:
            self._say_failed(what)
            self._fail(what, tree.exit_status(returncode) or EXIT_FAILED)
        elif self._said_ready:
            self._restart_model_later(self._failure or what)
        else:
            self._say_failed(self._failure or what)
            self._fail(self._failure or what, tree.exit_status(returncode) or EXIT_FAILED)

    @property
    def _is_inference(self) -> bool:
        return self._instance_id is not None and kind_of(self._instance_id) is TaskKind.INFERENCE

    def _restart_model_later(self, what: str) -> None:
        delay = self._backoff("model", self._model_started)
        self._log.error("%s; the model starts again in %.1f s", what, delay)
        self._enter(Phase.FAILED, f"{what}; it starts again in {delay:g} s")
        self._after(delay, self._restart_model)

    def _restart_model(self) -> None:
        if self._phase is not Phase.STOPPING:
            self._enter(Phase.STARTING)
            self._start_model()

    def _backoff(self, name: str, started: float) -> float:
        if time.monotonic() - started > _STABLE_SECONDS:
            self._restarts[name] = 0
        delay = _BACKOFF_SECONDS[min(self._restarts[name], len(_BACKOFF_SECONDS) - 1)]
        self._restarts[name] += 1
        return delay

    # --- the job slot -------------------------------------------------------------------------

    def _start_job(self, job: Job) -> str:
        """Start a task if the slot is free. Returns a `Verdict`'s value."""
        if self._job == job:
            return "duplicate"
        if self._job is not None:
            return "busy"
        if self._phase is not Phase.READY or self._model is None:
            return "unavailable"
        self._job = job
        self._reporter.say(Kind.START, MessageType.TASK, messages.start(self._kind))
        self._enter(Phase.BUSY)
        self._model.channel.send({"op": "run", "request": job.request})
        return "started"

    @property
    def _kind(self) -> TaskKind:
        assert self._instance_id is not None
        return kind_of(self._instance_id)

    def _on_job_ended(self, error: str | None) -> None:
        if self._job is None or self._phase is Phase.STOPPING:
            # While stopping, END waits until everything the task had started is gone too.
            if self._job is not None and error is None:
                self._job_ended_well = True
            return
        self._end_job(error)
        self._enter(Phase.READY)

    _job_ended_well = False

    def _end_job(self, error: str | None) -> None:
        self._job = None
        if error is None or self._job_ended_well:
            self._reporter.say(Kind.END, MessageType.TASK, messages.end(self._kind))
        else:
            self._say_failed(error)

    def _say_failed(self, what: str) -> None:
        instance_id = self._instance_id or manual_instance_id(self._app, TaskKind.TRAIN)
        self._reporter.say(Kind.END, MessageType.TASK, messages.failed(instance_id, what))

    # --- the end ------------------------------------------------------------------------------

    _exit_status = 0

    def _fail(self, what: str, status: int) -> None:
        """The algorithm cannot be served any more: end the web front, then exit."""
        self._log.error("the service ends: %s", what)
        self._enter(Phase.FAILED, what)
        self._phase = Phase.STOPPING
        self._exit_status = status
        self._go_on_stopping()

    def _stop(self, signame: str) -> None:
        """End in order: the task or the running inferences first, the heartbeat last."""
        self._log.info("%s: the service ends", signame)
        self._enter(Phase.STOPPING)
        if self._is_inference and self._web is not None:
            self._stop_web()
        else:
            self._terminate_model()
        self._after(self._options.stop_seconds, self._kill_model)
        self._go_on_stopping()

    def _go_on_stopping(self) -> None:
        """Take the next step of the end that is possible now."""
        if self._model is None and self._web is None:
            self._exit = self._exit_status
        elif self._model is None:
            self._stop_web()
        elif self._web is None:
            self._terminate_model()

    def _terminate_model(self) -> None:
        """Send SIGTERM until it is gone: one that comes at a bad moment is passed over there."""
        if self._model is not None:
            tree.signal_all([self._model.pid], signal.SIGTERM)
            self._after(_TERM_REPEAT_SECONDS, self._terminate_model)

    def _kill_model(self) -> None:
        if self._model is not None:
            self._log.warning("the model did not end in time and is killed")
            tree.signal_all([self._model.pid], signal.SIGKILL)

    _web_stopping = False

    def _stop_web(self) -> None:
        if self._web is not None and not self._web_stopping:
            self._web_stopping = True
            tree.signal_all([self._web.pid], signal.SIGTERM)
            self._after(_WEB_STOP_SECONDS, self._kill_web)

    def _kill_web(self) -> None:
        if self._web is not None:
            tree.signal_all([self._web.pid, *tree.descendants(self._web.pid)], signal.SIGKILL)

    def _kill_everything(self) -> None:
        for child in (self._model, self._web):
            if child is not None and child.returncode is None:
                child.process.kill()
                child.process.wait()
        tree.kill_orphans(os.getpid(), spare=[])
