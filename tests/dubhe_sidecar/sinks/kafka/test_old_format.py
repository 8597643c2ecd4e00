"""A topic in a message format from before Kafka 0.11: it is its setting, and no record's fault."""

from __future__ import annotations

from tests.dubhe_sidecar.sinks.kafka.helpers import (
    Beside,
    Cursor,
    deliver,
    numbers,
    open_sink,
    outage_text,
    record,
    until,
)
from tests.dubhe_sidecar.sinks.kafka.recovery import foreign
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic, wait_for
from tests.kafka.releases import KAFKA_2_8, OLD_FORMAT_TOPIC


def test_is_waited_for_and_its_old_records_are_passed_over(make_broker: BrokerFactory) -> None:
    broker = make_broker(release=KAFKA_2_8).start()
    broker.create_topic("t", config=OLD_FORMAT_TOPIC)
    cursor = Cursor()
    sink = open_sink(broker.bootstrap, cursor)
    outcomes: list[str | None] = []
    work = Beside(
        lambda: outcomes.extend(
            outcome.rejected for outcome in deliver(sink, [record("t", n) for n in range(20)])
        )
    )
    until(lambda: "message.format.version" in outage_text(sink))
    foreign.write(broker.bootstrap, "t", "gzip", 50)  # in the old format
    broker.alter_topic("t", {"message.format.version": "2.8"})
    work.join()
    assert outcomes == [None] * 20
    sink.close()  # without the outcomes in the cursor
    foreign.write(broker.bootstrap, "t", "zstd", 50)
    wait_for(broker.bootstrap, "t", lambda messages: len(messages) == 120)
    sink = open_sink(broker.bootstrap, cursor)
    assert sink.delivered == {"writer-1": frozenset(range(20))}
    sink.close()
    assert numbers(read_topic(broker.bootstrap, "t")) == list(range(20))
