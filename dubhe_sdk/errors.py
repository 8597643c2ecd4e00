"""Every error that dubhe_sdk raises on purpose."""

from __future__ import annotations


class DubheError(Exception):
    """Base of the errors below. The text says what was found, what was expected, what to do."""


class EnvironmentInvalid(DubheError):
    """An environment variable is missing or malformed. Commands exit with status 2."""


class AppInvalid(DubheError):
    """The algorithm's classes and decorators do not fit together, or not the instance's kind."""


class RequestInvalid(DubheError):
    """A request from the platform is not acceptable. The text is the refusal's message."""


class SpoolUnusable(DubheError):
    """The spool directory cannot be created or written."""


class NoCurrentTask(DubheError):
    """`current_context` was called where no task of an algorithm is running."""


class TaskStopped(BaseException):
    """Raised inside a running task when the service is told to stop.

    It derives from BaseException, like KeyboardInterrupt, so that an algorithm's
    ``except Exception`` does not swallow it. Catch it to save a checkpoint, then let it go on;
    the process is killed when the time given by ``DUBHE_TASK_STOP_TIMEOUT_SECONDS`` is over.
    """
