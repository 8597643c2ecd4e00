"""What tells an instance that it runs for the platform: Kafka's brokers, and two topics."""

from __future__ import annotations

from collections.abc import Mapping

from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS, text


def topics(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the topics of status and of results, as an environment has them."""
    status = text(environ, "TOPIC_MODEL_STATUS") or DEFAULT_TOPIC_STATUS
    return status, text(environ, "TOPIC_MODEL_RESULT") or DEFAULT_TOPIC_RESULT


def kafka_variables(brokers: str | None, topics: tuple[str, str]) -> dict[str, str]:
    """Return an instance's variables; none without brokers, for the embedded journal."""
    if brokers is None:
        return {}
    return {
        "PLATFORM_TYPE": "1",
        "BOOTSTRAP_SERVERS": brokers,
        "TOPIC_MODEL_STATUS": topics[0],
        "TOPIC_MODEL_RESULT": topics[1],
    }
