"""From ``ctx.log…`` to a plain consumer of a real broker, whatever dies on the way."""

from __future__ import annotations

import os
import signal

from dubhe_sdk.process.command import dubhe_command
from tests.delivery.conftest import RESULT, STATUS, Delivered, Start, value
from tests.dubhe_sdk.service.harness import TRAIN_ID, App
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import Reader
from tests.support.waiting import wait_for

WELL = ["READY 200", "START 200", "END 200"]


def train(app: App, count: int) -> None:
    """Start a training as soon as the model is ready; Kafka may be away and cannot tell when."""

    def accepted() -> bool:
        try:
            return app.train(algorithm_id=count)["flag"] == 1
        except OSError:
            return False

    wait_for(accepted, lambda: f"readiness\n{app.console}")


def when_said(app: App, word: str) -> None:
    """Wait until the log tells a message, wherever it is delivered to."""
    wait_for(lambda: word in app.log, lambda: f"{word}\n{app.console}", 60)


def created(broker: Broker) -> Broker:
    broker.create_topic(STATUS)
    broker.create_topic(RESULT)
    return broker


def complete(delivered: Delivered, count: int) -> None:
    assert delivered.actions == WELL
    assert delivered.indices == list(range(count))
    assert len(delivered.results) == (count + 9) // 10
    assert delivered.repeated == []


def test_everything_once_in_order_and_exactly_the_contracts_keys(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    app = platform(broker).start(until=None)
    train(app, 500)
    when_said(app, "END 200")
    app.terminate()
    assert app.wait() == 0
    delivered = Delivered(broker.bootstrap)
    complete(delivered, 500)
    for message in delivered.status + delivered.results:
        parsed = value(message)
        assert set(parsed) == {"instance_id", "request_number", "date", "mes_type", "data"}
        assert parsed["instance_id"] == TRAIN_ID
        assert 0 < parsed["request_number"] < 2**63
        assert parsed["date"] <= message.timestamp_ms  # when it was sent
    numbers = [value(m)["request_number"] for m in delivered.status + delivered.results]
    assert len(set(numbers)) == len(numbers)
    assert delivered.status[2].header("dubhe-batch") == b"0/500"


def test_a_broker_that_is_absent_at_the_start_is_not_noticed(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    broker.stop()
    app = platform(broker).start(until=None)
    train(app, 2000)
    when_said(app, "END 200")  # no call has waited for the broker
    broker.start()
    wait_for(lambda: len(Delivered(broker.bootstrap).actions) == 3, "delivery", 60)
    app.terminate()
    assert app.wait() == 0
    complete(Delivered(broker.bootstrap), 2000)


def test_a_broker_killed_in_the_middle_and_started_again(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    app = platform(broker, pace=0.002).start(until=None)
    train(app, 3000)
    arrivals(broker, 200)
    broker.kill()
    when_said(app, "END 200")  # the training neither waits nor fails
    broker.start()
    wait_for(lambda: len(Delivered(broker.bootstrap).actions) == 3, "delivery", 60)
    app.terminate()
    assert app.wait() == 0
    complete(Delivered(broker.bootstrap), 3000)


def test_a_broker_away_for_the_whole_run_gets_everything_by_the_next_start(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    broker.stop()
    app = platform(broker, DUBHE_SHUTDOWN_TIMEOUT_SECONDS="4").start(until=None)
    train(app, 1000)
    when_said(app, "END 200")
    app.terminate()
    assert app.wait() == 0  # the algorithm's status, not the broker's
    assert "stays in the spool" in app.console
    broker.start()
    app.start([*dubhe_command(), "launch", "--", "true"], until=None)
    assert app.wait(60) == 0
    complete(Delivered(broker.bootstrap), 1000)


def arrivals(broker: Broker, count: int) -> None:
    """Wait until so many status messages have arrived; they may keep coming."""
    with Reader(broker.bootstrap, STATUS) as reader:
        arrived = 0

        def enough() -> bool:
            nonlocal arrived
            arrived += len(reader.poll(0.1))
            return arrived >= count

        wait_for(enough, lambda: f"{count} messages, {arrived} arrived", 60)


def test_a_sidecar_killed_again_and_again_neither_loses_nor_repeats(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    app = platform(broker, pace=0.002).start(until=None)
    train(app, 5000)
    kills = 0
    with Reader(broker.bootstrap, STATUS) as reader:
        while "END 200" not in app.log:
            # Always in the middle of delivery: that is where a repeat could come from.
            if reader.poll(0.05):
                for pid in app.pids_of("sidecar"):
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
    assert kills >= 3
    app.terminate()
    assert app.wait(30) == 0
    complete(Delivered(broker.bootstrap), 5000)


def test_a_model_killed_in_mid_training_gets_its_end(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    app = platform(broker, pace=0.002).start(until=None)
    train(app, 1_000_000)
    when_said(app, "batch 1")  # of a busy second, not every line is shown
    os.kill(app.pid_of("model"), signal.SIGKILL)
    assert app.wait(60) == 128 + signal.SIGKILL
    delivered = Delivered(broker.bootstrap)
    assert delivered.actions == ["READY 200", "START 200", "END 300"]
    assert delivered.indices == list(range(len(delivered.indices)))
    assert delivered.repeated == []
    end = value(delivered.status[-1])
    assert end["data"]["msg"].startswith(f"{TRAIN_ID} current model error ")
    assert "SIGKILL" in end["data"]["msg"]


def test_everything_killed_at_once_is_delivered_by_the_next_start(
    make_broker: BrokerFactory, platform: Start
) -> None:
    broker = created(make_broker().start())
    app = platform(broker, pace=0.001).start(until=None)
    train(app, 1_000_000)
    arrivals(broker, 100)
    app.marked.kill()
    app.wait()
    app.start([*dubhe_command(), "launch", "--", "true"], until=None)
    assert app.wait(60) == 0
    delivered = Delivered(broker.bootstrap)
    assert delivered.actions == ["READY 200", "START 200", "END 300"]
    assert delivered.indices == list(range(len(delivered.indices)))
    assert len(delivered.indices) >= 100
    assert delivered.repeated == []
    assert value(delivered.status[-1])["data"]["status"] == 300


def test_a_kafka_py_of_the_algorithm_s_own_on_pythonpath(kafka: Broker, platform: Start) -> None:
    app = platform(kafka, PYTHONPATH=".")
    app.write("kafka.py", "raise ImportError('the algorithm has a kafka.py of its own')")
    app.start(until=None)
    train(app, 10)
    wait_for(lambda: len(Delivered(kafka.bootstrap).actions) == 3, lambda: app.console, 60)
    app.terminate()
    assert app.wait() == 0
    assert "starts again" not in app.console
