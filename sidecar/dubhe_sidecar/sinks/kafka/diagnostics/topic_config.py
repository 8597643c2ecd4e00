"""Whether a topic is compacted: it then keeps only the last message of each instance.

Problem: the key of a message is its instance's id, so that an instance's messages stay in order.
In a topic with ``cleanup.policy=compact`` the broker deletes every message whose key comes again,
END of earlier tasks too. Nothing else shows it: all was delivered and acknowledged.

Mechanism: one DescribeConfigs when a topic is first used. The question is asked beside the
delivery, which does not wait for the answer; without the permission (DescribeConfigs on the topic)
there is none.

``KafkaConnectionManager`` of kafka-python is private; see ``recovery/log_end.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from kafka.errors import NoError, for_code
from kafka.protocol.admin import DescribeConfigsRequest

from dubhe_sidecar.sinks.base import DeliveryWarning, WarningCode

logger = logging.getLogger("dubhe_sidecar")

SETTING = "cleanup.policy"
_TOPIC = 2  # as the type of a resource


def ask_cleanup_policy(manager: Any, topic: str, on_answer: Callable[[str], None]) -> None:
    """Ask for a topic's ``cleanup.policy``.

    Args:
        manager: kafka-python's connections to the cluster.
        topic: the topic's name.
        on_answer: called with the policy, by kafka-python's thread; not called without an answer.
    """
    request = DescribeConfigsRequest(
        resources=[(_TOPIC, topic, [SETTING])], include_synonyms=False, min_version=0
    )

    def answered(response: Any) -> None:
        for result in response.results:
            error = for_code(result.error_code)
            if error is not NoError:
                logger.debug("%s of topic %s is not known: %s", SETTING, topic, error.__name__)
                continue
            for entry in result.configs:
                if entry.name == SETTING:
                    on_answer(entry.value or "")

    future = manager.call_soon(lambda: manager.send(request))
    future.add_callback(answered)
    future.add_errback(
        lambda error: logger.debug("%s of topic %s is not known: %s", SETTING, topic, error)
    )


class CompactionWarnings:
    """The topics that lose messages by compaction; each is asked about once.

    Args:
        name: the sink's name, which begins each text.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: set[str] = set()
        self._found: dict[str, DeliveryWarning] = {}

    @property
    def found(self) -> list[DeliveryWarning]:
        """The warnings. May be read from another thread."""
        return [*self._found.values()]

    def ask(self, topic: str, ask: Callable[[str, Callable[[str], None]], None]) -> None:
        """Find out about a topic.

        Args:
            topic: its name.
            ask: asks for its policy, as `ask_cleanup_policy` does.
        """
        if topic not in self._asked:
            self._asked.add(topic)
            ask(topic, lambda policy: self._note(topic, policy))

    def _note(self, topic: str, policy: str) -> None:
        warning = compaction_warning(topic, policy)
        if warning is not None:
            self._found[topic] = warning
            logger.warning("%s: %s", self._name, warning.text)


def compaction_warning(topic: str, policy: str) -> DeliveryWarning | None:
    """Return the warning about a topic with this policy; None if it needs none."""
    if "compact" not in policy.replace(" ", "").split(","):
        return None
    return DeliveryWarning(
        WarningCode.COMPACTED_TOPIC,
        f"topic {topic} has cleanup.policy={policy}: the broker keeps only the last message of "
        f"each instance and deletes the others, since the instance's id is their key; set "
        "cleanup.policy=delete on the topic",
    )
