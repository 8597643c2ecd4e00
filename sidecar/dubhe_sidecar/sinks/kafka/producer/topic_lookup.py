"""Whether topics exist, asked beside the delivery.

Problem: kafka-python's producer finds out about a topic by adding it to those whose metadata it
keeps. The caller waits, and while such a topic is missing it asks for the metadata of all of them
ten times a second.

Mechanism: a Metadata request of its own, whose answer nothing waits for. A broker that is set up to
do so creates a topic when it is asked about it. A topic may be described and yet not be written to;
that an answer tells, from Kafka 2.3 on, by the operations that this client may do (KIP-430).

``KafkaConnectionManager`` of kafka-python is private; see ``recovery/leader.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

from kafka.errors import KafkaError, NoError, TopicAuthorizationFailedError, for_code
from kafka.protocol.metadata import MetadataRequest

_WRITE, _DESCRIBE = 4, 8  # codes of Kafka's AclOperation


class TopicLookup:
    """One question about topics, and its answer once it is here.

    Args:
        manager: kafka-python's connections to the cluster.
        topics: their names.
    """

    def __init__(self, manager: Any, topics: Collection[str]) -> None:
        self._answered = threading.Event()
        self.errors: Mapping[str, type[KafkaError]] = {}
        """Per topic `NoError`, or why it cannot be used. Empty if no answer came."""
        request = MetadataRequest(
            topics=[MetadataRequest.MetadataRequestTopic(name=topic) for topic in topics],
            allow_auto_topic_creation=True,
            include_cluster_authorized_operations=False,
            include_topic_authorized_operations=True,
        )
        future = manager.call_soon(lambda: manager.send(request))
        future.add_callback(self._on_answer)
        future.add_errback(lambda _: self._answered.set())

    @property
    def is_done(self) -> bool:
        """Whether there is an answer, or will be none."""
        return self._answered.is_set()

    def wait(self, timeout: float) -> bool:
        """Wait for at most ``timeout`` seconds; return `is_done`."""
        return self._answered.wait(timeout)

    def _on_answer(self, response: Any) -> None:
        self.errors = {topic.name: _error_of(topic) for topic in response.topics}
        self._answered.set()


def _error_of(topic: Any) -> type[KafkaError]:
    """Return `NoError`, or why a topic of an answer cannot be used.

    What was described may be described: operations without that are those of a broker that does
    not answer the question.
    """
    error: type[KafkaError] = for_code(topic.error_code)
    allowed = topic.authorized_operations or ()
    if error is NoError and _DESCRIBE in allowed and _WRITE not in allowed:
        error = TopicAuthorizationFailedError
    return error


def exists(error: type[KafkaError] | None) -> bool:
    """Return whether an answer is that the topic exists."""
    return error is NoError
