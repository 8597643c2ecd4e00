"""Messages from a real Kafka: all instances, outages, restarts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.ui import Ui
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory

NAME = "net-1-train-1"


class Speaker:
    """Writes one instance's messages, with librdkafka."""

    def __init__(self, broker: Broker, status: str, result: str, instance: str = NAME) -> None:
        self._producer = Producer({"bootstrap.servers": broker.bootstrap})
        self._topics = (status, result)
        self._instance = instance
        self._seq = 0

    def report(self, mes_type: int, data: Any, seq: int | None = None) -> None:
        self._seq += 1
        seq = seq or self._seq
        value = {
            "instance_id": self._instance,
            "request_number": seq,
            "date": 1_700_000_000_000 + seq,
            "mes_type": mes_type,
            "data": data,
        }
        headers = [("dubhe-writer", b"w"), ("dubhe-seq", str(seq).encode())]
        self.raw(json.dumps(value).encode(), mes_type == 3, headers)

    def raw(self, value: bytes | None, result: bool = False, headers: Any = None) -> None:
        self._producer.produce(self._topics[result], value, self._instance, headers=headers)
        assert self._producer.flush(20) == 0


def platform(tmp_path: Path, broker: Broker, status: str, result: str, *more: object) -> Ui:
    topics = {"TOPIC_MODEL_STATUS": status, "TOPIC_MODEL_RESULT": result}
    return Ui(tmp_path / "runs", "--brokers", broker.bootstrap, *more, **topics)


def test_all_instances_from_the_beginning_and_on(
    tmp_path: Path, kafka: Broker, topic_name: str
) -> None:
    status, result = topic_name + "-s", topic_name + "-r"
    kafka.create_topic(status, partitions=3)
    first = Speaker(kafka, status, result)
    second = Speaker(kafka, status, result, "net-1-forecast-2")
    first.report(1, {"action": "START", "status": 200, "msg": ""})
    first.report(2, {"loss": 1.0, "progress": 0.5})
    with platform(tmp_path, kafka, status, result) as ui:
        ui.wait_state(NAME, "running")
        assert ui.get("state")["mode"] == "kafka"
        kafka.create_topic(result)  # a topic that appears later
        second.report(1, {"action": "START", "status": 200, "msg": ""})
        second.report(
            3, [{"img_path": "a.png", "info": [{"ground_true": "1", "predict_code": "1"}]}]
        )
        ui.wait(lambda s: any(r["images"] == 1 for r in s["runs"]))
        first.raw(b"rubbish")
        first.raw(b"\xff\xfe")
        first.raw(None)
        first.report(2, {"loss": 1.0, "progress": 0.5}, seq=2)
        ui.wait(lambda s: any(i["malformed"] == 3 and i["duplicates"] == 1 for i in s["instances"]))
        ui.kill()
    first.report(2, {"loss": 2.0, "progress": 0.7})
    with platform(tmp_path, kafka, status, result) as ui:
        ui.wait(lambda s: s["messages"] == 9)
        assert ui.instance(NAME)["duplicates"] == 1, "it goes on where it stopped"
        [run] = ui.runs_of(NAME)
        assert ui.get("curves", run=run["id"], metric="loss")["y"] == [1.0, 2.0]
        items = ui.get("messages", instance=NAME)["items"]
        assert {item["topic"] for item in items} == {status}
        offsets = [i["offset"] for i in items]
        assert offsets == sorted(set(offsets))


def test_an_outage_is_told_and_survived(
    tmp_path: Path, make_broker: BrokerFactory, topic_name: str
) -> None:
    broker = make_broker()
    with platform(tmp_path, broker, "s", "r") as ui:
        source = ui.wait(lambda s: not s["source"]["ok"])["source"]
        assert source["name"] == f"kafka {broker.bootstrap}"
        assert "Connection refused" in source["error"]
        broker.start()
        broker.create_topic("s")
        ui.wait(lambda s: s["source"]["ok"])
        speaker = Speaker(broker, "s", "r")
        speaker.report(2, {"loss": 1.0, "progress": 0.5})
        ui.wait_state(NAME, "running")
        broker.kill()
        ui.wait(lambda s: not s["source"]["ok"])
        broker.start()
        speaker.report(2, {"loss": 2.0, "progress": 0.5})
        ui.wait(lambda s: s["source"]["ok"] and s["messages"] == 2)
        assert ui.instance(NAME)["duplicates"] == 0
        broker.freeze()
        ui.wait(lambda s: not s["source"]["ok"])
        broker.thaw()
        ui.wait(lambda s: s["source"]["ok"])


def test_a_started_instance_gets_the_platform_s_environment(
    tmp_path: Path, kafka: Broker, topic_name: str
) -> None:
    folder = fake_algorithm(tmp_path / "net", silent=True)
    (folder / "app.py").write_text("import os, time; print(dict(os.environ)); time.sleep(1000)")
    status, result = topic_name + "-s", topic_name + "-r"
    with platform(tmp_path, kafka, status, result, folder) as ui:
        name = ui.post("start", kind="train", special_params={"epochs": 3})["instance"]
        assert ui.instance(name)["state"] == "starting"
        pattern = "*/train/console.log"

        def console() -> str:
            return "".join(path.read_text() for path in (tmp_path / "runs").glob(pattern))

        ui.wait(lambda _: "}" in console())
        said = console()
    for text in ("'PLATFORM_TYPE': '1'", status, result, kafka.bootstrap, '{"epochs": 3}'):
        assert text in said
