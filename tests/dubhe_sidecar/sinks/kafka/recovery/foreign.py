"""Other programs that write to the same topics, by a client of their own."""

from __future__ import annotations

from confluent_kafka import Producer

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def write(
    bootstrap: str, topic: str, codec: str, count: int = 300, *, key: bytes = b"another"
) -> None:
    """Write records of another producer, several to a batch."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "linger.ms": 20,
            "batch.num.messages": 100,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for n in range(count):
        producer.produce(topic, b"somebody else's record %d, again and again" % n, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def transaction(bootstrap: str, topic: str, *, commit: bool) -> None:
    """Write records in a transaction, and end it."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-{commit}", "log_level": 0}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for n in range(5):
        producer.produce(topic, b"part %d" % n, b"another")
    assert producer.flush(30) == 0
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)
