"""What an exception of kafka-python calls for.

kafka-python 3.0.12, observed against a broker: the first error that it does not repeat by itself
makes an idempotent producer fail for good, and from then on *every* record fails with that very
exception, including records that are perfectly sound and of other partitions. So an exception is
about its record only if it was the first of its producer and the record was alone in its batch;
the sink ensures both.
"""

from __future__ import annotations

from enum import Enum, auto

from kafka import errors as kafka_errors

from dubhe_sidecar.sinks.base import OutageCode, OutageReason

# The broker refuses this very record.
RECORD = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.PolicyViolationError,
)
# Someone must grant, correct or create something. Asking again soon may lock an account.
REFUSED = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SecurityDisabledError,
    kafka_errors.InvalidTopicError,
    # The topic's setting, not the record's fault: no record of ours can be written there.
    kafka_errors.UnsupportedForMessageFormatError,
)
# The broker has taken nothing and a new producer may go on. Kafka 1.1 and 2.0 (not 2.8) say so when
# nothing of a producer is left in a partition, since its topic was deleted and created again.
FORGOTTEN = (kafka_errors.UnknownProducerIdError,)
_CODES: tuple[tuple[tuple[type[BaseException], ...], OutageCode], ...] = (
    (
        (
            kafka_errors.SaslAuthenticationFailedError,
            kafka_errors.UnsupportedSaslMechanismError,
            kafka_errors.IllegalSaslStateError,
        ),
        OutageCode.AUTHENTICATION,
    ),
    ((kafka_errors.AuthorizationError,), OutageCode.AUTHORIZATION),
    (
        (
            kafka_errors.UnknownTopicOrPartitionError,
            kafka_errors.InvalidTopicError,
            kafka_errors.UnsupportedForMessageFormatError,
        ),
        OutageCode.TOPIC,
    ),
    (
        (
            kafka_errors.NotEnoughReplicasError,
            kafka_errors.NotEnoughReplicasAfterAppendError,
        ),
        OutageCode.REPLICAS,
    ),
    (
        (
            kafka_errors.KafkaTimeoutError,
            kafka_errors.KafkaConnectionError,
        ),
        OutageCode.UNREACHABLE,
    ),
)

# The text of a plain KafkaError for the sound records of a batch that holds a refused one.
NEIGHBOUR = "it was part of a batch which had one more"
# A plain KafkaError too: no permission to write to any topic yet, and so none to be a producer.
NO_PRODUCER_ID = "[Error 31] ClusterAuthorizationFailedError"
NO_PERMISSION_TO_PRODUCE = (
    "no permission to produce: the user needs Write on the topic (brokers 2.8 and later), or "
    "IdempotentWrite on the cluster beside it (older ones; KAFKA_ENABLE_IDEMPOTENCE=false does "
    "without it)"
)

OLD_FORMAT = (
    "UnsupportedForMessageFormat: the topic keeps records in a format from before Kafka 0.11, "
    "which has neither headers nor producer ids. Set message.format.version of the topic (or "
    "log.message.format.version of the brokers) to 0.11.0 or later, or remove it"
)


class ErrorKind(Enum):
    """What an error calls for."""

    RECORD = auto()  # this record is permanently refused, or its batch holds such a one
    REFUSED = auto()  # the cluster refuses this client; wait long, then try again
    UNAVAILABLE = auto()  # the cluster or a topic is unavailable; wait, then try again
    UNEXPECTED = auto()  # leave it to a fresh process


def classify(error: BaseException) -> ErrorKind:
    """Return what an exception of kafka-python calls for."""
    if isinstance(error, RECORD) or NEIGHBOUR in str(error):
        return ErrorKind.RECORD
    if isinstance(error, REFUSED) or NO_PRODUCER_ID in str(error):
        return ErrorKind.REFUSED
    if isinstance(error, (kafka_errors.RetriableError, *FORGOTTEN, OSError)):
        return ErrorKind.UNAVAILABLE
    return ErrorKind.UNEXPECTED


def describe(error: BaseException) -> str:
    """Return an exception of kafka-python as text: its kind, and its message if it has one."""
    if isinstance(error, kafka_errors.UnsupportedForMessageFormatError):
        return OLD_FORMAT
    kind = type(error).__name__.removesuffix("Error")
    text = next((str(arg) for arg in error.args if arg), "")
    description = getattr(error, "description", "") or ""
    return ": ".join(part for part in (kind, text or description) if part)


def outage_reason(error: BaseException) -> OutageReason:
    """Return an exception of kafka-python as the reason of an outage."""
    code = next((code for kinds, code in _CODES if isinstance(error, kinds)), OutageCode.OTHER)
    if NO_PRODUCER_ID in str(error):
        return OutageReason(OutageCode.AUTHORIZATION, NO_PERMISSION_TO_PRODUCE)
    return OutageReason(code, describe(error))
