"""Times and sizes of the Kafka sink, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class KafkaLimits:
    """What the sink waits for and how much it holds. Tests shorten the times."""

    linger_ms: int = 0
    """Idle, a record leaves at once. Under load batches fill by themselves: an idempotent
    kafka-python producer has one batch per partition on its way, and the next one grows."""

    batch_bytes: int = 512 * 1024
    """Large enough for 2 000 messages a request, since each costs as much processor time as 200
    messages or more; half of the broker's default limit."""

    record_bytes_max: int = 64 * MIB
    """Larger ones are refused here: a broker closes the connection at 100 MiB without an answer."""

    in_flight_records: int = 8_000
    in_flight_bytes: int = 32 * MIB
    """Memory during an outage: `send` waits beyond either of the two."""

    request_timeout_s: float = 30.0
    """Kafka's default. Then the request is repeated under the same sequence number."""

    outage_after_s: float = 5.0
    """Without an answer for so long, an outage is reported."""

    moved_after_s: float = 2.0
    """Without an answer for so long, it is looked whether the brokers have moved: none that is
    known accepts a connection, but a bootstrap server does. Repeated at this interval."""

    topic_missing_s: float = 2.0
    """A topic that does not exist for so long is missing: its records are deferred. A broker that
    creates topics takes a moment for it; and a topic in use is asked about after such a silence."""

    topic_check_s: float = 2.0
    """How often the cluster is asked whether a missing topic exists again."""

    stall_s: float = 120.0
    """Without an answer for so long, the producer is replaced. Must be well above the request
    timeout: kafka-python's own retries are better, since the broker drops their duplicates."""

    connect_timeout_s: float = 10.0
    """For one attempt to connect to a broker, and for one request to it."""

    metadata_timeout_s: float = 5.0
    """For the number of a topic's partitions; then it is asked again."""

    backoff_s: float = 0.2
    backoff_max_s: float = 10.0
    """Between attempts to reach an unavailable cluster; doubled each time, with jitter."""

    refused_backoff_s: float = 5.0
    refused_backoff_max_s: float = 60.0
    """The same when the cluster refuses the client: wrong attempts may lock an account."""

    settle_s: float = 0.5
    """How long a tail is watched for a straggler of the former producer (see ``tail.py``)."""

    advance_s: float = 60.0
    """While nothing is in flight, the end of a partition is noted as often, so that after a crash
    little has to be looked through."""

    dated_again_s: float = 3600.0
    """Once the broker has refused our clock, records go without a timestamp for so long."""
