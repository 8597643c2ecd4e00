"""What the algorithm and its libraries log, if nobody has configured `logging`.

Problem: ``logging.getLogger(__name__).info(…)`` goes nowhere in an unconfigured Python, and the
earlier SDK showed it. A handler on the root logger would show it, but then ``basicConfig`` in the
algorithm does nothing, since it leaves a root that has one alone.

Mechanism: the root logger's level is INFO, and `logging.lastResort`, which gets the records that
found no handler, hands them to the SDK's logger. ``logging.info(…)`` on the module calls
``basicConfig()`` first if the root has no handler; called so, and only so, it does nothing here.

Safety: as soon as the algorithm gives the root or its own loggers a handler, `lastResort` is not
asked any more. Only the model process does this; children that it forks inherit it, others do not.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubhe_sdk.logs.log import SdkLogger, open_log

_loggers: dict[Path, logging.Logger] = {}


class _ToSdkLog(logging.Handler):
    def __init__(self, log: Callable[[], logging.Logger], level: int = logging.INFO) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record to the console and to ``dubhe.log``."""
        try:
            record.getMessage()
        except Exception:  # noqa: BLE001 - as every handler does: told on stderr
            self.handleError(record)
        else:
            self._log().handle(record)


def show_unconfigured(log: logging.Logger) -> None:
    """Have what no handler takes written to the SDK's log, from INFO upwards.

    Args:
        log: the SDK's logger.
    """
    if logging.root.level == logging.WARNING:  # Python's own
        logging.root.setLevel(logging.INFO)
    logging.lastResort = _ToSdkLog(lambda: log)
    configure = logging.basicConfig

    @functools.wraps(configure)
    def basic_config(**options: Any) -> None:
        implicit = sys._getframe(1).f_globals is vars(logging)
        if options or not implicit:
            configure(**options)

    logging.basicConfig = basic_config


def algorithm_logger(path: Path) -> logging.Logger:
    """Return a logger for the algorithm that writes to the SDK's log, from INFO upwards.

    It is not the SDK's own: a level, a filter or a handler that the algorithm sets concerns its own
    lines alone. No configuration of `logging` reaches it. A process has one for each log.

    Args:
        path: of the log file, which is opened with the first line.
    """
    logger = _loggers.get(path)
    if logger is None:
        logger = _loggers[path] = SdkLogger("dubhe_sdk", logging.INFO)
        logger.propagate = False
        logger.addHandler(_ToSdkLog(lambda: open_log(path), logging.NOTSET))
    return logger
