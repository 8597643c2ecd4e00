"""`Context`: what an algorithm's methods are given.

Names, keys, defaults and the form of messages are the platform's contract.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dubhe_sdk.api import stopping
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.api.logged_reports import LoggedReports
from dubhe_sdk.api.metrics import MetricsCleaner
from dubhe_sdk.api.task_gate import GatedReporter, Reports, ResultsOnly, TaskGate
from dubhe_sdk.contract import requests, result_payload
from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.environment import Settings, read_settings
from dubhe_sdk.logs.algorithm import algorithm_logger
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.logs.text import log_text
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.frame import Kind

CONTRACT_DEFAULT: Any = object()

# Set in ranks whose progress is not reported, and so in their child processes.
RESULTS_ONLY_VARIABLE = "DUBHE_RESULTS_ONLY"


class Context:
    """Parameters, environment and reporting for one request.

    The service creates one for each request, so concurrent requests never share one. In a child
    process of a task (a distributed rank, a pool's worker) use the one that was inherited or
    passed, or get it by `dubhe_sdk.current_context`.

    No ``log…`` method raises because of what it is given, except that `logResultDetails` raises
    for a malformed box. Values that cannot be reported are left out or replaced, with one warning
    in the log for each name.

    **Blocking and dropping.** Messages go to a spool on the local disk, never to the network.
    Progress (`logProgress…`) never waits: while the spool is full (``DUBHE_SPOOL_MAX_BYTES``) or
    the disk is, it is dropped and counted. Results (`logResult…`) use a reserve first; when that is
    used up too, the call waits up to ``DUBHE_SPOOL_FULL_TIMEOUT_SECONDS`` (default 10 s) for space,
    then the result is dropped and counted. A message above 256 MiB is dropped and counted at once.
    Each is warned of in the log at most once a minute; ``dubhe status`` shows the count.

    Args:
        request: the platform's request.
        settings: the environment; by default that of this process.

    Raises:
        EnvironmentInvalid: the environment is malformed.

    Examples:
        >>> ctx = dubhe_sdk.Context({"data_paths": ["/data"]})   # in a test or a notebook
        >>> ctx.get(dubhe_sdk.ContextKey.KEY_DATA_PATHS)
        ['/data']
    """

    def __init__(
        self, request: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> None:
        self._request = dict(request or {})
        self._settings = settings or read_settings()
        self._instance_id = self._settings.instance_id or "manual-app-train-1"
        self._kind = kind_of(self._instance_id)
        self._cleaner = MetricsCleaner(self._warn)
        self._reporter: Reports | None = None
        self._append_batch: Callable[..., bool] | None = None  # its writer's, while it is plain
        self._gate: TaskGate | None = None
        self._owner = 0  # PID of the process that runs its task
        self._closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Crosses to spawned processes as its request; the rest comes from their environment.
        return _restored, (self._request, self._gate)

    def _belong_to(self, gate: TaskGate | None, *, own: bool = True) -> None:
        """Have it report while a task runs.

        Args:
            gate: of the task.
            own: whether this process runs the task, and will close it.
        """
        self._gate = gate
        self._owner = os.getpid() if own else 0
        _of_tasks.add(self)

    def _close(self) -> None:
        """Drop whatever is reported from now on."""
        self._closed = True
        self._use(GatedReporter(None, self._gate, self._warn))

    def _pause_reports(self, *, resume: bool = False) -> None:
        """Let nothing of this process through, not even what a thread is about to report."""
        reporter = _reporters.get((self._settings.spool, self._instance_id))
        if reporter is not None:
            (reporter.writer.resume if resume else reporter.writer.pause)()

    @property
    def _is_own(self) -> bool:
        """Whether this process runs its task."""
        return self._owner == os.getpid()

    @property
    def stopping(self) -> bool:
        """Whether the service was told to stop. For code that asks, such as a library's callback.

        `dubhe_sdk.TaskStopped` is raised all the same, unless the algorithm has set its own action
        for SIGTERM. Also true in the task's child processes.

        Examples:
            >>> model.fit(callbacks=[lambda info: not ctx.stopping])
        """
        return stopping.is_asked()

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Have a function called once when the service is told to stop; at once if it was.

        It is called as a signal handler is, in the main thread and before
        `dubhe_sdk.TaskStopped` is raised: it should set a flag, and take no lock. What it raises is
        logged. It counts in the task's main process only.

        Examples:
            >>> ctx.on_stop(lambda: setattr(trainer, "should_stop", True))
        """
        stopping.add_callback(callback)

    @property
    def json_request(self) -> dict[str, Any]:
        """The whole request, keys as the platform sent them. Empty in the constructor."""
        return self._request

    def get(self, key: str, default: Any = CONTRACT_DEFAULT) -> Any:
        """Return a request parameter or an environment value.

        Args:
            key: a constant of `ContextKey`, or the name of any other field of the request.
            default: what to return if the request does not have it, or has null. Left out, it is
                the default that the platform's contract states for this key, or ``""`` if it
                states none.

        Returns:
            The value as the platform sent it (a number that it sent as a text is one), or the
            default; see `ContextKey` for the types.

        Examples:
            >>> ctx.get(dubhe_sdk.ContextKey.KEY_SPLIT_RATE)
            0.1
        """
        if key in FROM_SETTINGS:
            value = self._from_settings(key)
            if value is None and key in (
                ContextKey.ENV_SPECIAL_PARAMS,
                ContextKey.ENV_MODEL_PATH,
            ):
                value = self._request.get(key)
            if value is None:
                return None if default is CONTRACT_DEFAULT else default
            return value
        value = self._request.get(key)
        if value is not None:
            return requests.value_of(key, value)
        if default is not CONTRACT_DEFAULT:
            return default
        return requests.default_of(key) if key in requests.FIELDS else ""

    @property
    def key_map(self) -> dict[str, Any]:
        """The values of all keys of `ContextKey`, by their names; a new dict each time.

        dubhe-sdk 2.x had it.

        Examples:
            >>> ctx.key_map["split_rate"]
            0.1
        """
        return {
            key: self.get(key)
            for constant, key in vars(ContextKey).items()
            if constant.startswith(("KEY_", "ENV_"))
        }

    def _from_settings(self, key: str) -> Any:
        settings = self._settings
        if key == ContextKey.KEY_TMP_DIR:
            return str(settings.tmp_dir)
        if key == ContextKey.KEY_OUTPUT_DIR:
            return str(Path("output", "models"))
        if key == ContextKey.ENV_INSTANCE_ID:
            return self._instance_id
        if key == ContextKey.ENV_PLATFORM_TYPE:
            return int(settings.platform_mode)
        if key == ContextKey.ENV_MODEL_PATH:
            return settings.model_path
        if key == ContextKey.ENV_RELY_MODEL_DATA:
            return copy.deepcopy(settings.rely_model_data)
        return copy.deepcopy(settings.special_params)

    @property
    def last_progress(self) -> float:
        """The progress that was reported last in this process, from 0 to 1; 0 before the first."""
        return self._cleaner.last_progress

    def log(self, msg: object, *args: object, exc_info: Any = None, **ignored: object) -> None:
        """Write a line to the console and to ``/temporary/log/dubhe.log``.

        The file is rotated at 10 MB; 14 old files are kept.

        Args:
            msg: the text, with ``%s`` places for ``args`` as in `logging`.
            args: the values; if they do not fit the places, they follow the text.
            exc_info: True for the traceback of the current exception, or an exception.
            ignored: other keywords of `logging` have no effect.

        Raises nothing for what it is given, and never waits. A line has at most 65 536 characters.

        Examples:
            >>> ctx.log("model train starting, %d images", len(images))
        """
        text = log_text(msg, args, exc_info)
        open_log(self._settings.log_file).info("%s", text)

    @property
    def local_logger(self) -> logging.Logger:
        """A logger that writes where `log` writes, for code that wants a `logging.Logger`.

        dubhe-sdk 2.x had it. Level, filters and handlers are yours; it begins with level INFO.

        Examples:
            >>> ctx.local_logger.warning("%d images cannot be read", 3)
        """
        return algorithm_logger(self._settings.log_file)

    def logProgress(self, progress: float) -> None:  # noqa: N802 - the platform's name
        """Report progress alone. Never waits; see `Context` for when it is dropped.

        Args:
            progress: from 0 to 1; a value out of range is moved into it.

        Examples:
            >>> ctx.logProgress(0.5)
        """
        self._report_progress({}, progress)

    def logProgressByEpoch(  # noqa: N802
        self,
        epoch: int,
        progress: float,
        Metrics: Mapping[str, Any],  # noqa: N803
    ) -> None:
        """Report progress and metrics after an epoch. The platform draws a curve per metric.

        Never waits; see `Context` for when it is dropped.

        Args:
            epoch: the epoch's number, a whole number.
            progress: from 0 to 1; a value out of range is moved into it.
            Metrics: name → number; scalars of numpy and any framework too, and lists, arrays and
                tensors of one element. NaN and infinity are sent as the texts "NaN", "Infinity",
                "-Infinity"; a value that is not a number is left out, and so are the reserved names
                ``progress`` and ``epoch``. It is not changed.

        Examples:
            >>> ctx.logProgressByEpoch(3, 0.25, {"loss": 0.31, "accuracy": 0.94})
        """
        append = self._append_batch
        if append is not None and append(epoch, 0, 0, progress, Metrics):
            self._cleaner.last_progress = progress
            return
        data = self._cleaner.clean(Metrics)
        data["progress"] = self._cleaner.progress(progress)
        data["epoch"] = self._cleaner.whole("epoch", epoch)
        (self._reporter or self._report()).progress(data)

    def logProgressByBatch(  # noqa: N802
        self,
        epoch: int,
        batch_idx: int,
        batchsize: int,
        progress: float,
        Metrics: Mapping[str, Any],  # noqa: N803
    ) -> None:
        """Report progress and metrics after a batch.

        Never waits; see `Context` for when it is dropped. A call costs a few microseconds.

        Args:
            epoch: the epoch's number, a whole number.
            batch_idx: the batch's index in the epoch, from 0.
            batchsize: the number of batches in the epoch (the name is the platform's).
            progress: from 0 to 1; a value out of range is moved into it.
            Metrics: as for `logProgressByEpoch`.

        Examples:
            >>> ctx.logProgressByBatch(3, 17, 100, 0.317, {"loss": 0.31})
        """
        append = self._append_batch
        if append is not None and append(epoch, batch_idx, batchsize, progress, Metrics):
            self._cleaner.last_progress = progress
            return
        cleaner = self._cleaner
        data = cleaner.clean(Metrics)
        # Asked here and not in the cleaner alone: a call costs as much as three of these questions.
        if type(progress) is float and 0.0 <= progress <= 1.0:
            data["progress"] = cleaner.last_progress = progress
        else:
            data["progress"] = cleaner.progress(progress)
        data["epoch"] = epoch if type(epoch) is int else cleaner.whole("epoch", epoch)
        if type(batch_idx) is not int or type(batchsize) is not int:
            batch_idx = cleaner.whole("batch_idx", batch_idx)
            batchsize = cleaner.whole("batchsize", batchsize)
        if (batch_idx | batchsize) >> _BATCH_BITS:  # one of them is negative or too large
            batch_idx = batchsize = 0
        (self._reporter or self._report()).progress(data, batch_idx, batchsize)

    def logResult(self, predict_json: Any) -> None:  # noqa: N802
        """Report prediction results in the platform's JSON format, made by yourself.

        In online inference it is only logged, since the reply carries the result. Otherwise the
        call may wait up to ``DUBHE_SPOOL_FULL_TIMEOUT_SECONDS`` (default 10 s), and then drop the
        result, when the spool or the disk is full; see `Context`.

        Args:
            predict_json: anything that JSON can express; arrays and tensors of any framework,
                dataclasses, iterators and other collections too. What else there is becomes its
                text, with one warning for each type. At most 256 MiB of JSON.

        Examples:
            >>> ctx.logResult([{"img_path": "a.png", "info": [{"predict_code": "scratch"}]}])
        """
        self._report().report(Kind.RESULT, MessageType.RESULT, predict_json)

    def logResultDetails(  # noqa: N802
        self,
        img_path: Any,
        ground_true: Any,
        predict_code: Any,
        conf: Any,
        shape_type: Any = None,
        position: Sequence[Sequence[Any]] | None = None,
        special: Any = None,
    ) -> list[dict[str, Any]]:
        """Report the prediction for one image, and return what is reported.

        May wait and drop as `logResult` does. In online inference it is only logged: return the
        list as the method's result.

        Args:
            img_path: the image's path.
            ground_true: its true code.
            predict_code: the predicted code.
            conf: confidence from 0 to 1; negative together with ``position``: each box's own.
            shape_type: kind of the shapes in ``position``, as the platform names it.
            position: a list of boxes ``(x1, y1, x2, y2, box_conf)``, or an array of shape (n, 5):
                two opposite corners in pixels and the box's confidence from 0 to 1. Without the
                confidence, four numbers or (n, 4), if ``conf`` is not negative.
            special: anything that belongs to the boxes and that JSON can express.

        Returns:
            ``[{"img_path", "info": [{"ground_true", "predict_code", "conf"}]}]``. With
            ``position``, ``info`` has one entry per box, which also holds ``shape_type``,
            ``position`` (``[[x1, y1], [x2, y2]]``) and ``special``, and ``bbox_cnt`` beside
            ``info`` is their number.

        Raises:
            ValueError: ``position`` is not a list of boxes, a box does not have four or five
                numbers, or has no confidence while ``conf`` is negative. Nothing is reported then.

        Examples:
            >>> ctx.logResultDetails("a.png", "scratch", "scratch", -1, "rectangle",
            ...                      [(10, 20, 50, 80, 0.93)])
        """
        details = result_payload.details(
            img_path, ground_true, predict_code, conf, shape_type, position, special
        )
        self.logResult(details)
        return details

    def _report_progress(self, data: dict[str, Any], progress: float) -> None:
        data["progress"] = self._cleaner.progress(progress)
        self._report().progress(data)

    def _report(self) -> Reports:
        reporter = self._reporter
        if reporter is None:
            reporter = self._use(self._make_reporter())
            if self._closed:  # meanwhile, by another thread
                reporter = self._use(GatedReporter(None, self._gate, self._warn))
        return reporter

    def _make_reporter(self) -> Reports:
        if self._kind is TaskKind.INFER:
            return LoggedReports(self.log, self._warn)
        reporter: Reports = _reporter(self._settings, self._instance_id)
        if self._gate is not None and not self._is_own:
            # The process that runs the task closes only its own context.
            reporter = GatedReporter(reporter, self._gate, self._warn)
        return ResultsOnly(reporter) if os.environ.get(RESULTS_ONLY_VARIABLE) else reporter

    def _use(self, reporter: Reports) -> Reports:
        """Report by it from now on."""
        self._reporter = reporter
        # Whatever stands between this and the writer has to see each report.
        self._append_batch = (
            reporter.writer.append_batch if isinstance(reporter, Reporter) else None
        )
        return reporter

    def _warn(self, text: str) -> None:
        open_log(self._settings.log_file).warning("%s", text)


# The keys that do not depend on the request.
FROM_SETTINGS = frozenset(
    {
        ContextKey.KEY_TMP_DIR,
        ContextKey.KEY_OUTPUT_DIR,
        ContextKey.ENV_INSTANCE_ID,
        ContextKey.ENV_PLATFORM_TYPE,
        ContextKey.ENV_RELY_MODEL_DATA,
        ContextKey.ENV_MODEL_PATH,
        ContextKey.ENV_SPECIAL_PARAMS,
    }
)
_BATCH_BITS = 32

_reporters: dict[tuple[Path, str], Reporter] = {}
_making = threading.RLock()
_of_tasks: weakref.WeakSet[Context] = weakref.WeakSet()


def _reporter(settings: Settings, instance_id: str) -> Reporter:
    """Return the process's one reporter for an instance, so that a process has one stream."""
    key = (settings.spool, instance_id)
    reporter = _reporters.get(key)
    if reporter is None:
        with _making:  # threads may report for the first time at once
            reporter = _reporters.get(key)
            if reporter is None:
                reporter = _reporters[key] = Reporter(settings, instance_id)
    return reporter


def _restored(request: dict[str, Any], gate: TaskGate | None) -> Context:
    """Return a context that was handed to another process."""
    context = Context(request)
    if gate is not None:
        context._belong_to(gate, own=False)
    return context


def _after_fork_in_child() -> None:
    global _making
    _making = threading.RLock()
    for context in list(_of_tasks):
        if not context._closed:
            context._reporter = context._append_batch = None


os.register_at_fork(after_in_child=_after_fork_in_child)


def with_instance(settings: Settings, instance_id: str) -> Settings:
    """Return the settings with the instance's id, and hand it to child processes as well."""
    os.environ["INSTANCE_ID"] = instance_id
    return replace(settings, instance_id=instance_id, kind=kind_of(instance_id))
