"""`ClockSkew`: whether the broker accepts this host's clock, and records have a timestamp.

A clock that the broker refuses is no matter of one record: from then on all go without a timestamp,
at full speed, and after `KafkaLimits.dated_again_s` one is tried with it again. The date in the
value stays as it is.
"""

from __future__ import annotations

import logging
import time

from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun

logger = logging.getLogger("dubhe_sidecar")

CLOCK_DIFFERS = (
    "this host's clock and the broker's differ by more than the topic accepts "
    "(message.timestamp.before.max.ms, message.timestamp.after.max.ms): records are sent without a "
    "Kafka timestamp; the date in their values is that of this host's clock. Set the clock"
)


class ClockSkew:
    """What is known of the two clocks.

    Args:
        name: the sink's name, which begins each text.
        again_s: after how many seconds the clock is tried again.
    """

    def __init__(self, name: str, again_s: float) -> None:
        self._name = name
        self._again_s = again_s
        self._until: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether the clocks differ, as far as is known."""
        return self._until is not None

    @property
    def is_undated(self) -> bool:
        """Whether records go without a timestamp at present."""
        return self._until is not None and time.monotonic() < self._until

    def note_refused(self, why: str) -> None:
        """The broker has refused a timestamp."""
        if self._until is None:
            logger.warning("%s: %s (%s)", self._name, CLOCK_DIFFERS, why)
        self._until = time.monotonic() + self._again_s

    def note_settled(self, pending: PendingRun) -> None:
        """See from records that have arrived whether the broker accepts our clock again."""
        if self._until is None or self.is_undated:
            return
        if pending.was_delivered and not pending.undated:
            self._until = None
            logger.info("%s: the broker accepts this host's clock again", self._name)
