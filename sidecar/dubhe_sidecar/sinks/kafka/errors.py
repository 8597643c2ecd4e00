"""Whose fault an error is.

kafka-python 3.0.12, observed against a broker: the first error that it does not repeat by itself
makes an idempotent producer fail for good, and from then on *every* record fails with that very
exception, also records that are perfectly sound and of other partitions. So an exception says
something about its record only if it was the first of its producer and the record was alone in
its batch; the sink sees to both.
"""

from __future__ import annotations

from enum import Enum, auto

from kafka import errors as kafka_errors

# Of these the broker says that this very record is not to its liking.
RECORD = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.UnsupportedForMessageFormatError,
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
)

# The text of a plain KafkaError for the sound records of a batch that holds a refused one.
NEIGHBOUR = "it was part of a batch which had one more"
# A plain KafkaError too: no permission to write to any topic yet, and so none to be a producer.
NO_PRODUCER_ID = "[Error 31] ClusterAuthorizationFailedError"


class Fault(Enum):
    """What an error calls for."""

    RECORD = auto()  # this record is refused for ever, or its batch holds such a one
    REFUSED = auto()  # we are refused; wait long, then try again
    AWAY = auto()  # the cluster or a topic is away; wait, then try again
    UNEXPLAINED = auto()  # leave it to a fresh process


def fault(error: BaseException) -> Fault:
    """Classify an exception of kafka-python."""
    if isinstance(error, RECORD) or NEIGHBOUR in str(error):
        return Fault.RECORD
    if isinstance(error, REFUSED) or NO_PRODUCER_ID in str(error):
        return Fault.REFUSED
    if isinstance(error, (kafka_errors.RetriableError, OSError)):
        return Fault.AWAY
    return Fault.UNEXPLAINED


def words(error: BaseException) -> str:
    """Say an exception of kafka-python in words: its kind, and its text if it has one."""
    kind = type(error).__name__.removesuffix("Error")
    text = next((str(arg) for arg in error.args if arg), "")
    description = getattr(error, "description", "") or ""
    return ": ".join(part for part in (kind, text or description) if part)
