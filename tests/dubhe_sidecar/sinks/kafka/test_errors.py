"""What exceptions of kafka-python call for."""

from __future__ import annotations

import pytest

from dubhe_sidecar.sinks.base import OutageCode
from dubhe_sidecar.sinks.kafka.errors import (
    NO_PRODUCER_ID,
    ErrorKind,
    classify,
    describe,
    kafka_errors,
    outage_reason,
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_errors.MessageSizeTooLargeError("x"), ErrorKind.RECORD),
        (kafka_errors.TopicAuthorizationFailedError("t"), ErrorKind.REFUSED),
        (kafka_errors.SaslAuthenticationFailedError("x"), ErrorKind.REFUSED),
        (kafka_errors.UnknownTopicOrPartitionError(None), ErrorKind.UNAVAILABLE),
        (kafka_errors.KafkaTimeoutError("x"), ErrorKind.UNAVAILABLE),
        (ConnectionResetError("x"), ErrorKind.UNAVAILABLE),
        (kafka_errors.UnknownProducerIdError(None), ErrorKind.UNAVAILABLE),
        (kafka_errors.OutOfOrderSequenceNumberError(None), ErrorKind.UNEXPECTED),
        (kafka_errors.KafkaError("x"), ErrorKind.UNEXPECTED),
    ],
)
def test_what_an_error_calls_for(error: Exception, kind: ErrorKind) -> None:
    assert classify(error) is kind
    assert describe(error)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (kafka_errors.TopicAuthorizationFailedError("t"), OutageCode.AUTHORIZATION),
        (kafka_errors.KafkaError(NO_PRODUCER_ID), OutageCode.AUTHORIZATION),
        (kafka_errors.SaslAuthenticationFailedError("x"), OutageCode.AUTHENTICATION),
        (kafka_errors.UnknownTopicOrPartitionError(None), OutageCode.TOPIC),
        (kafka_errors.NotEnoughReplicasError(None), OutageCode.REPLICAS),
        (kafka_errors.KafkaTimeoutError("x"), OutageCode.UNREACHABLE),
        (ConnectionResetError("x"), OutageCode.OTHER),
    ],
)
def test_the_code_of_an_error(error: Exception, code: OutageCode) -> None:
    assert outage_reason(error).code is code
