"""Names of the two topics, as the environment has them."""

from __future__ import annotations

from collections.abc import Mapping

from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS, text


def topics(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the topics of status and of results."""
    status = text(environ, "TOPIC_MODEL_STATUS") or DEFAULT_TOPIC_STATUS
    return status, text(environ, "TOPIC_MODEL_RESULT") or DEFAULT_TOPIC_RESULT
