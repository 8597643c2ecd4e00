"""`MissingTopics`: topics whose records are deferred, and when they exist again.

Problem: a topic that does not exist, or that may not be written to, is *missing*, and must not hold
back the others. And while it is away, what had arrived in it cannot be found out: if it was only
hidden (a broker that has just started may not know its topics yet), sending again would repeat.

Mechanism: records of a missing topic are deferred: they stay in the spool. The cluster is asked
about the topic every `KafkaLimits.topic_check_s`, beside the delivery. When it exists, the tails of
its partitions are read before anything is sent there again, from the offsets that were kept for it
meanwhile, and for all producers that there have been (`KafkaSink.resume`).

Safety: a topic is added here before the first of its records is deferred, and is removed only by
`KafkaSink.resume`, while nothing is in flight. In between none of its records is sent, so their
order holds. A topic whose tail could not be read at the start or by a new session, since it was
away at that moment, is *unread*: it may be used only after that was made up for, in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from kafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.diagnostics.outage import OutageTracker
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.producer.session import ProducerSession
from dubhe_sidecar.sinks.kafka.producer.topic_lookup import TopicLookup, exists

CONSEQUENCE = (
    "what is for it waits in the spool, and so does what must come after that; all else is "
    "delivered"
)


class MissingTopics:
    """The topics that records cannot be sent to at present.

    Args:
        name: the sink's name, which begins each text.
        limits: times and sizes.
    """

    def __init__(self, name: str, limits: KafkaLimits) -> None:
        self._limits = limits
        self._errors: dict[str, type[KafkaError] | None] = {}
        self._tracker = OutageTracker(name, what="not delivering everything")
        self._lookup: tuple[ProducerSession, float, TopicLookup] | None = None
        self._asked_at = 0.0
        self._answered_at = 0.0
        self.unread: set[str] = set()
        """Topics whose tails could not be read, and are to be before anything is sent there."""

    def __contains__(self, topic: str) -> bool:
        return topic in self._errors

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def back(self) -> frozenset[str]:
        """Those that exist again."""
        return frozenset(topic for topic, error in self._errors.items() if exists(error))

    @property
    def hides_records(self) -> bool:
        """Whether what has arrived in some topic is not known."""
        return bool(self._errors or self.unread)

    @property
    def outage(self) -> OutageReason | None:
        """Which are missing, and since when. May be read from another thread."""
        return self._tracker.current

    @property
    def silent_for(self) -> float:
        """Seconds since the cluster answered about them."""
        return time.monotonic() - self._answered_at

    def add(self, topic: str, error: type[KafkaError] | None) -> None:
        """Defer the records of a topic from now on.

        Args:
            topic: its name.
            error: what the cluster has answered about it; None: nothing yet.
        """
        if topic not in self._errors:
            self._errors[topic] = error
            self._answered_at = time.monotonic()
            self._asked_at = 0.0 if error is None else self._answered_at
            self._report()

    def discard(self, topics: Iterable[str]) -> None:
        """Topics may be used again."""
        for topic in topics:
            self._errors.pop(topic, None)
            self.unread.discard(topic)
        self._report()

    def clear(self) -> None:
        """Forget everything: another process, or turn, begins."""
        self._errors.clear()
        self.unread.clear()
        self._lookup = None
        self._tracker.end()

    def poll(self, session: ProducerSession) -> None:
        """Take an answer if there is one, and ask again if that is due."""
        answer = self._take_answer(session)
        if answer is not None:
            self._answered_at = time.monotonic()
            for topic in self._errors.keys() & answer.errors.keys():
                self._errors[topic] = answer.errors[topic]
            self._report()
        now = time.monotonic()
        if self._lookup is None and now - self._asked_at >= self._limits.topic_check_s:
            self._ask(session, list(self._errors))

    def is_gone(self, session: ProducerSession, topic: str) -> bool:
        """Return whether a topic that is in use does not exist any more, as far as is known.

        Asks beside the delivery, so the answer comes with a later call.
        """
        answer = self._take_answer(session)
        if answer is not None:
            return answer.errors.get(topic) is UnknownTopicOrPartitionError
        if self._lookup is None:
            self._ask(session, [topic])
        return False

    def _ask(self, session: ProducerSession, topics: list[str]) -> None:
        self._asked_at = time.monotonic()
        self._lookup = (session, self._asked_at, session.look_up(topics))

    def _take_answer(self, session: ProducerSession) -> TopicLookup | None:
        if self._lookup is None:
            return None
        whose, asked_at, lookup = self._lookup
        late = time.monotonic() - asked_at > self._limits.connect_timeout_s
        if whose is session and not lookup.is_done and not late:
            return None
        self._lookup = None
        return lookup if whose is session and lookup.errors else None

    def _report(self) -> None:
        missing = [topic for topic, error in sorted(self._errors.items()) if not exists(error)]
        if not self._errors:
            self._tracker.end()
        elif missing:
            unauthorized = [
                topic for topic in missing if self._errors[topic] is TopicAuthorizationFailedError
            ]
            texts = [
                f"no permission on topic {topic} (Describe, Write)"
                if topic in unauthorized
                else f"topic {topic} does not exist"
                if self._errors[topic] is UnknownTopicOrPartitionError
                else f"topic {topic} cannot be used"
                for topic in missing
            ]
            code = OutageCode.AUTHORIZATION if unauthorized == missing else OutageCode.TOPIC
            self._tracker.report(OutageReason(code, f"{', '.join(texts)}: {CONSEQUENCE}"))
