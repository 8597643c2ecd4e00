"""Every error that dubhe_sdk raises on purpose."""

from __future__ import annotations


class DubheError(Exception):
    """Base of the errors below. The text names what was found, what was expected, what to do."""


class EnvironmentInvalid(DubheError):
    """An environment variable is missing or malformed; the text names it.

    It says what was found and what is expected. Commands exit with status 2.
    """


class AppInvalid(DubheError):
    """The algorithm's classes and decorators do not fit together, or not the instance's kind.

    For example: no class is marked ``@dubhe_sdk.pipeline()``, two methods are marked for the same
    kind of task, a marked method is ``async``. The service ends with status 1.
    """


class KindUnsupported(AppInvalid):
    """The algorithm has methods, but none for the instance's kind of task.

    Its END carries this class's name, so that a platform can tell it from a failure.
    """


class RequestInvalid(DubheError):
    """A request from the platform cannot be accepted. The text is the refusal's ``message``."""


class SpoolUnusable(DubheError):
    """The spool directory cannot be created or written; the text says why and what to do.

    Commands exit with status 2. A disk that is full at the moment does not raise it.
    """


class NoCurrentTask(DubheError):
    """`current_context` was called where no task of an algorithm is running.

    A task is a training or an evaluation, or a call of an inference method. Inference methods hand
    ``ctx`` to their child processes themselves.
    """


class TaskStopped(BaseException):
    """Raised inside a running task when the service has to stop.

    It is raised in the main thread of the model process: once, or again while it vanishes in a
    finalizer, a callback from C or an event loop's side task. It derives from BaseException, like
    KeyboardInterrupt, so that an algorithm's ``except Exception`` does not catch it. Catch it to
    save a checkpoint, then raise it again; the process is killed
    ``DUBHE_TASK_STOP_TIMEOUT_SECONDS`` (default 5 s) after the stop signal.

    Examples:
        >>> try:
        ...     train_one_epoch()
        ... except dubhe_sdk.TaskStopped:
        ...     save_checkpoint()
        ...     raise
    """
