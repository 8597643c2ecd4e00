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
from typing import Any


class _ToSdkLog(logging.Handler):
    def __init__(self, log: logging.Logger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record to the console and to ``dubhe.log``."""
        try:
            record.getMessage()
        except Exception:  # noqa: BLE001 - as every handler does: told on stderr
            self.handleError(record)
        else:
            self._log.handle(record)


def show_unconfigured(log: logging.Logger) -> None:
    """Have what no handler takes written to the SDK's log, from INFO upwards.

    Args:
        log: the SDK's logger.
    """
    if logging.root.level == logging.WARNING:  # Python's own
        logging.root.setLevel(logging.INFO)
    logging.lastResort = _ToSdkLog(log)
    configure = logging.basicConfig

    @functools.wraps(configure)
    def basic_config(**options: Any) -> None:
        implicit = sys._getframe(1).f_globals is vars(logging)
        if options or not implicit:
            configure(**options)

    logging.basicConfig = basic_config
