"""The platform with ``--on kubernetes``: tasks in pods of a real cluster, and how these end."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from kubernetes.stream import stream

from tests.dubhe_simulator.instances.docker.support import dubhe
from tests.dubhe_simulator.instances.kubernetes.support import (
    Place,
    start_training,
)
from tests.kafka.broker import Broker

DIGITS = Path(__file__).parents[4] / "examples" / "digits"
ROW = re.compile(r"^  (training|evaluation|inference) .* (\d+) +(\d+) +0 +0$", re.MULTILINE)


def test_train_evaluate_infer_with_kafka(
    place: Place, broker: Broker, topics: dict[str, str]
) -> None:
    words = (place.algorithm, *place.options, *place.volume, "--runs-dir", place.runs)
    more = ("--brokers", broker.bootstrap, "--special-params", '{"epochs": 5}')
    done = dubhe("play", *words, *more, env={**place.environment, **topics})
    assert done.returncode == 0, done.stdout
    rows = ROW.findall(done.stdout)
    assert [row[0] for row in rows] == ["training", "evaluation", "inference"]
    assert all(reported == received != "0" for _, reported, received in rows)
    assert list((place.output / "models").glob("model_*_5_0.10.pth"))
    place.wait_until_empty()
    for console in place.runs.glob("20*/*/console.log"):
        assert "READY" in console.read_text()


def test_somebody_deletes_the_pod_in_mid_training(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        pod = place.pod()
        assert pod.spec.enable_service_links is False
        place.cluster.api.delete_namespaced_pod(pod.metadata.name, place.namespace)
        ui.wait_state(name, "failed", 60)
        last = place.messages(name)[-1]["data"]
        assert (last["action"], last["status"]) == ("END", 300)
        assert "SIGTERM" in last["msg"]
        assert (place.output / "models" / "checkpoint.pth").exists()
        place.wait_until_empty()


def test_everything_in_the_container_is_killed(
    place: Place, broker: Broker, topics: dict[str, str]
) -> None:
    with place.ui("--brokers", broker.bootstrap, **topics) as ui:
        name = start_training(ui)
        pod = place.pod()
        with contextlib.suppress(Exception):  # the connection ends with the container
            stream(
                place.cluster.api.connect_get_namespaced_pod_exec,
                pod.metadata.name,
                place.namespace,
                command=["sh", "-c", "kill -9 -1"],
                stdout=True,
            )
        state = ui.wait(lambda s: s["workflow"]["state"] == "failed", 60)
        assert "ended with status 137" in state["workflow"]["error"]
        assert ui.instance(name)["reason"] == "exited with status 137"
        # Its spool is the next one's, which delivers the END that was missing.
        ui.post("start", kind="train")
        ui.wait(lambda s: [run["status"] for run in s["runs"]] == [300], 60)


def test_the_memory_limit(place: Place) -> None:
    with place.ui("--memory", "400m") as ui:
        ui.post("workflow/train", special_params={"eat": True})
        state = ui.wait(lambda s: s["workflow"] and s["workflow"]["state"] == "failed", 90)
        name = state["instances"][0]["id"]
        last = place.messages(name)[-1]["data"]
        assert (last["action"], last["status"]) == ("END", 300)
        assert "memory" in last["msg"]
