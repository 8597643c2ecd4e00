"""`LoggedReports`: what an online inference reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.reporting.encoding import dumps
from dubhe_sdk.spool.frame import Kind


class LoggedReports:
    """Writes reports to the log: the reply of an inference carries the result, and READY is all
    that its instance sends.

    Args:
        log: called with a text and its one value.
        warn: called with a text if a value had to be replaced.
    """

    def __init__(self, log: Callable[[object, object], None], warn: Callable[[str], None]) -> None:
        self._log = log
        self._warn = warn

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        """Log progress."""
        self._log("progress %s", dumps(data, self._warn).decode())

    def report(self, kind: Kind, type_: MessageType, data: Any) -> bool:
        """Log a result."""
        self._log("result %s", dumps(data, self._warn).decode())
        return True
