"""`Context`: what an algorithm's methods are given.

Names, keys, defaults and the form of messages are the platform's contract.
"""

from __future__ import annotations

import functools

from dubhe_sdk.api import stopping
from dubhe_sdk.api.keys import CONTRACT_DEFAULT, ContextKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from dubhe_sdk.api.parameters import Parameters
    from dubhe_sdk.api.task_gate import TaskGate
    from dubhe_sdk.api.task_reports import TaskReports
    from dubhe_sdk.environment import Settings

# What a method's ``ctx: dubhe_sdk.Context`` loads, in data loaders and pools too: so the rest is
# imported when there is a context.


@functools.cache
def _parts() -> tuple[type[Parameters], type[TaskReports], Callable[[], Settings]]:
    from dubhe_sdk.api.parameters import Parameters
    from dubhe_sdk.api.task_reports import TaskReports
    from dubhe_sdk.environment import read_settings

    return Parameters, TaskReports, read_settings


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
        make_parameters, make_reports, read_settings = _parts()
        self._settings = settings or read_settings()
        self._parameters = make_parameters(request or {}, self._settings)
        self._reports = make_reports(self._settings, self._parameters.instance_id)

    def __reduce__(self) -> tuple[Any, ...]:
        # Crosses to spawned processes as its request; the rest comes from their environment.
        return _restored, (self._parameters.request, self._reports.gate)

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
        return self._parameters.request

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
        return self._parameters.get(key, default)

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

    @property
    def last_progress(self) -> float:
        """The progress that was reported last in this process, from 0 to 1; 0 before the first."""
        return self._reports.cleaner.last_progress

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
        from dubhe_sdk.logs.log import open_log
        from dubhe_sdk.logs.text import log_text

        text = log_text(msg, args, exc_info)
        open_log(self._settings.log_file).info("%s", text)

    @property
    def local_logger(self) -> logging.Logger:
        """A logger that writes where `log` writes, for code that wants a `logging.Logger`.

        dubhe-sdk 2.x had it. Level, filters and handlers are yours; it begins with level INFO.

        Examples:
            >>> ctx.local_logger.warning("%d images cannot be read", 3)
        """
        from dubhe_sdk.logs.algorithm import algorithm_logger

        return algorithm_logger(self._settings.log_file)

    def logProgress(self, progress: float) -> None:  # noqa: N802 - the platform's name
        """Report progress alone. Never waits; see `Context` for when it is dropped.

        Args:
            progress: from 0 to 1; a value out of range is moved into it.

        Examples:
            >>> ctx.logProgress(0.5)
        """
        self._reports.progress(progress)

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
        reports = self._reports
        append = reports.append_batch
        if append is not None and append(epoch, 0, 0, progress, Metrics):
            reports.cleaner.last_progress = progress
        else:
            reports.metrics(epoch, 0, 0, progress, Metrics)

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
        reports = self._reports
        append = reports.append_batch
        if append is not None and append(epoch, batch_idx, batchsize, progress, Metrics):
            reports.cleaner.last_progress = progress
        else:
            reports.metrics(epoch, batch_idx, batchsize, progress, Metrics)

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
        self._reports.result(predict_json)

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
        from dubhe_sdk.contract import result_payload

        details = result_payload.details(
            img_path, ground_true, predict_code, conf, shape_type, position, special
        )
        self.logResult(details)
        return details


def _restored(request: dict[str, Any], gate: TaskGate | None) -> Context:
    """Return a context that was handed to another process."""
    context = Context(request)
    if gate is not None:
        context._reports.belong_to(gate, own=False)
    return context
