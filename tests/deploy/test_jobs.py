"""Tasks as Jobs of a real cluster, with a real broker: how they end, and what arrives."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.support import PATIENCE_S, Place, exit_status, kafka_values, words
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kubernetes.fixtures import TestCluster
from tests.support.waiting import wait_for

COUNT = 2000


@pytest.fixture
def topic(pod_kafka: Broker, topic_name: str) -> str:
    """A fresh topic of one partition."""
    pod_kafka.create_topic(topic_name)
    return topic_name


def train(kafka: dict[str, str], **params: Any) -> dict[str, Any]:
    return {"workload": "train", "kafka": kafka, "params": params}


def test_a_training_and_its_evaluation_complete_its_twin_fails_a_wrong_setting_is_not_repeated(
    place: Place, pod_kafka: Broker, topic_name: str, tmp_path: Path
) -> None:
    topics = {name: f"{topic_name}-{name}" for name in ("good", "bad", "evaluated")}
    for each in topics.values():
        pod_kafka.create_topic(each)
    values = {name: kafka_values(pod_kafka, each) for name, each in topics.items()}
    output = tmp_path / "output"
    claim = place.claim("models", output)
    models = [{"claim": claim, "path": "/app/output"}]
    place.install("good", {**train(values["good"], count=COUNT), "claims": models})
    place.install("bad", train(values["bad"], count=3, fail=True))
    wrong = {
        **train(values["bad"]),
        "env": {"DUBHE_ONCE": "yes, please"},
        "job": {"backoffLimit": 3},
    }
    place.install("wrong", wrong)

    assert place.wait_job("good").type == "Complete"
    [pod] = place.pods("good")
    assert exit_status(pod) == 0
    expected = ["READY 200", "START 200", *range(COUNT), "END 200"]
    assert words(pod_kafka, topics["good"]) == expected

    [model] = (output / "models").iterdir()
    evaluation = {
        "workload": "evaluate",
        "kafka": values["evaluated"],
        "request": {"data_paths": ["/data/a", "/data/b"]},
        "claims": [{"claim": claim, "path": "/models", "readOnly": True}],
        "modelPath": f"/models/models/{model.name}",
    }
    place.install("evaluated", evaluation)
    assert place.wait_job("evaluated").type == "Complete"
    [pod] = place.pods("evaluated")
    assert exit_status(pod) == 0
    results = ["model: /data/a", "model: /data/b"]
    assert words(pod_kafka, topics["evaluated"]) == ["READY 200", "START 200", *results, "END 200"]

    condition = place.wait_job("bad")
    assert (condition.type, condition.reason) == ("Failed", "BackoffLimitExceeded")
    [pod] = place.pods("bad")
    assert exit_status(pod) == 1
    assert words(pod_kafka, topics["bad"]) == ["READY 200", "START 200", 0, 1, 2, "END 300"]

    condition = place.wait_job("wrong")
    assert (condition.type, condition.reason) == ("Failed", "PodFailurePolicy")
    [pod] = place.pods("wrong")
    assert exit_status(pod) == 2


def test_kubectl_delete_pod_loses_nothing(place: Place, pod_kafka: Broker, topic: str) -> None:
    place.install("net", train(kafka_values(pod_kafka, topic), count=COUNT, hold=True))
    pod = place.wait_logged("net", "everything is reported")
    grace = pod.spec.termination_grace_period_seconds
    place.api.delete_namespaced_pod(pod.metadata.name, place.namespace)
    wait_for(lambda: place.pods("net") == [], "the pod's end", grace + PATIENCE_S)
    assert words(pod_kafka, topic) == ["READY 200", "START 200", *range(COUNT), "END 300"]
    assert place.wait_job("net").reason == "BackoffLimitExceeded"


def test_what_a_killed_pod_has_left_on_its_claim_is_delivered_once(
    place: Place,
    make_broker: BrokerFactory,
    kubernetes_cluster: TestCluster,
    topic_name: str,
    tmp_path: Path,
) -> None:
    broker = make_broker(host=kubernetes_cluster.host)  # away as long as the pod lives
    kafka = kafka_values(broker, topic_name)
    spool = {"claim": place.claim("spool", tmp_path / "spool")}
    place.install("net", {**train(kafka, count=COUNT, hold=True), "spool": spool})
    pod = place.wait_logged("net", "everything is reported")
    with contextlib.suppress(Exception):  # the connection ends with the container
        place.run(pod, "sh", "-c", "kill -9 -1")
    assert place.wait_job("net").type == "Failed"
    [pod] = place.pods("net")
    assert exit_status(pod) == 137

    broker.start()
    broker.create_topic(topic_name)
    place.install("rest", {"workload": "deliver", "kafka": kafka, "spool": spool})
    assert place.wait_job("rest").type == "Complete"
    assert words(broker, topic_name) == ["READY 200", "START 200", *range(COUNT), "END 300"]
