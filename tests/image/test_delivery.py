"""From a container to a real broker: stopped, killed, and the next one on the same volume."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import docker

from tests.docker.containers import TRAIN_ID, Container
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

COUNT = 5000


def platform(port: int, brokers: str, topic: str, **params: Any) -> dict[str, str]:
    """The environment that the platform gives; one topic, so that its order is the whole order."""
    return {
        "PLATFORM_TYPE": "1",
        "PORT": str(port),
        "INSTANCE_ID": TRAIN_ID,
        "BOOTSTRAP_SERVERS": brokers,
        "TOPIC_MODEL_STATUS": topic,
        "TOPIC_MODEL_RESULT": topic,
        "special_params": json.dumps(params),
    }


def on_host(port: int, brokers: str, topic: str, **params: Any) -> dict[str, Any]:
    """The options of a `Container` that reaches a broker on the host's loopback."""
    environment = platform(port, brokers, topic, **params)
    return {"environment": environment, "network_mode": "host"}


def words(brokers: str, topic: str) -> list[Any]:
    """Return what a plain consumer reads: progress as its number, the rest by its action."""
    found = []
    for message in read_topic(brokers, topic):
        assert message.key == TRAIN_ID.encode()
        data = json.loads(message.value or b"")["data"]
        found.append(data["number"] if "number" in data else f"{data['action']} {data['status']}")
    return found


def test_docker_stop_drains_the_spool(
    docker_engine: docker.DockerClient,
    algorithms: dict[str, str],
    protocol: str,
    kafka: Broker,
    topic: str,
) -> None:
    with reserved_port() as port:
        options = on_host(port, kafka.bootstrap, topic, count=COUNT, hold=True)
        with Container(
            docker_engine, algorithms[protocol], protocol=protocol, **options
        ) as container:
            container.wait_logged("READY")
            container.train()
            container.wait_logged("user ")  # everything is said; the rest is the drain's
            assert container.stop() == 143
    ready, start, *progress, end = words(kafka.bootstrap, topic)
    assert (ready, start, end) == ("READY 200", "START 200", "END 300")
    assert progress == list(range(COUNT))


def test_docker_kill_loses_nothing_that_a_volume_keeps(
    docker_engine: docker.DockerClient,
    algorithms: dict[str, str],
    make_broker: BrokerFactory,
    topic_name: str,
    tmp_path: Path,
) -> None:
    broker = make_broker()  # away as long as the first container lives
    temporary = tmp_path / "temporary"
    with reserved_port() as port:
        options = on_host(port, broker.bootstrap, topic_name, count=COUNT, hold=True)
        with Container(docker_engine, algorithms["http"], temporary, **options) as first:
            first.wait_logged("READY")
            first.train()
            first.wait_logged("user ")
            assert first.kill() == 137
        broker.start()
        with Container(docker_engine, algorithms["http"], temporary, **options) as second:
            wait_for(
                lambda: words(broker.bootstrap, topic_name).count("READY 200") == 2,
                lambda: second.logs,
                60,
            )
            assert second.stop() == 0
    ready, start, *rest = words(broker.bootstrap, topic_name)
    assert (ready, start) == ("READY 200", "START 200")
    assert sorted(rest[COUNT:]) == ["END 300", "READY 200"]
    assert rest[:COUNT] == list(range(COUNT))


def test_a_second_container_on_the_volume_waits_then_takes_over(
    docker_engine: docker.DockerClient,
    algorithms: dict[str, str],
    kafka: Broker,
    topic: str,
    tmp_path: Path,
) -> None:
    """Both write into one spool; one sidecar delivers for both, each message once."""
    temporary = tmp_path / "temporary"
    with contextlib.ExitStack() as stack:
        containers = []
        for _ in range(2):
            port = stack.enter_context(reserved_port())
            options = on_host(port, kafka.bootstrap, topic, count=COUNT, hold=True)
            container = Container(docker_engine, algorithms["http"], temporary, **options)
            containers.append(stack.enter_context(container))
            container.wait_logged("READY")
        first, second = containers
        second.wait_logged("another sidecar delivers the spool")
        first.train()
        first.wait_logged("user ")
        second.train()
        second.wait_logged("user ")
        assert first.kill() == 137  # wherever its sidecar was
        wait_for(
            lambda: words(kafka.bootstrap, topic).count(COUNT - 1) == 2, lambda: second.logs, 60
        )
        assert second.stop() == 143
    found = words(kafka.bootstrap, topic)
    assert found.count("READY 200") == found.count("START 200") == 2
    progress = [word for word in found if isinstance(word, int)]
    assert sorted(progress) == sorted([*range(COUNT), *range(COUNT)])
    # Of the killed run whatever comes to an end is told at most once.
    assert found.count("END 300") in (1, 2)
    assert found[-1] == "END 300"


def test_a_stop_while_the_broker_is_away_ends_in_time_and_keeps_the_rest(
    docker_engine: docker.DockerClient,
    algorithms: dict[str, str],
    make_broker: BrokerFactory,
    topic_name: str,
    tmp_path: Path,
) -> None:
    broker = make_broker()
    temporary = tmp_path / "temporary"
    with reserved_port() as port:
        options = on_host(port, broker.bootstrap, topic_name, count=10)
        with Container(docker_engine, algorithms["http"], temporary, **options) as container:
            container.wait_logged("READY")
            container.train()
            container.wait_logged("END 200")
            assert container.stop() == 0  # 137 if the engine had to kill it
            assert "the rest stays in the spool" in container.logs
    broker.start()
    # By hand, with the image alone: no algorithm is needed to deliver what one has left.
    by_hand = ["dubhe", "sidecar", "--drain"]
    with Container(
        docker_engine, algorithms["http"], temporary, entrypoint=by_hand, **options
    ) as drain:
        assert drain.wait() == 0
    assert words(broker.bootstrap, topic_name) == ["READY 200", "START 200", *range(10), "END 200"]
