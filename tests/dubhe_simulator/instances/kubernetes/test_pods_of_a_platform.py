"""Pods of a platform or a node that ends before them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.dubhe_simulator.instances.kubernetes.support import Place, start_training
from tests.kubernetes.own import PROGRAM, REPOSITORY
from tests.support.relay import Relay
from tests.support.waiting import wait_for

BIN = REPOSITORY / ".cache" / "kubernetes" / "bin"


def test_a_killed_platform_finds_its_instances_again(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ui.kill()
    [pod] = place.pods()
    with place.ui() as ui:
        assert [each.metadata.uid for each in place.pods()] == [pod.metadata.uid]
        before = ui.runs_of(name)[0]["progress"]
        ui.wait(lambda s: s["runs"][0]["progress"] > before, 60)
        found = ui.wait_state(name, "running", 60)
        assert found["owned"] and found["address"]
        ui.post("stop", instance=name)
        ui.wait_state(name, "stopped", 60)
        place.wait_until_empty()
    assert place.messages(name)[-1]["data"]["status"] == 300


def test_the_end_of_the_platform_ends_its_instances_in_order(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        assert ui.end() == 143
    place.wait_until_empty()
    assert place.messages(name)[-1]["data"]["status"] == 300


def test_what_a_killed_platform_has_left_is_ended_by_its_label(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ui.kill()
    kubeconfig = str(place.cluster.kubeconfig)
    # As the documentation has it.
    command = f"kubectl -n {place.namespace} delete pod --wait=false"
    command += f" -l dubhe.platform=$(cat {place.runs}/kubernetes-label)"
    subprocess.run(
        ["sh", "-c", command],
        env={**os.environ, "KUBECONFIG": kubeconfig, "PATH": f"{BIN}:{os.environ['PATH']}"},
        check=True,
    )
    place.wait_until_empty()
    assert place.messages(name)[-1]["data"]["status"] == 300
    assert (place.output / "models" / "checkpoint.pth").exists()


def test_the_node_is_restarted_in_mid_training(place: Place) -> None:
    place.cluster.may_touch_its_node()
    with place.ui() as ui:
        name = start_training(ui)
        uid = place.pod().metadata.uid
        subprocess.run([PROGRAM, "restart-node"], check=True)
        before = ui.runs_of(name)[0]["progress"]
        ui.wait(lambda s: s["runs"][0]["progress"] > before, 60)
        assert place.pod().metadata.uid == uid
        assert ui.instance(name)["state"] == "running"
        # The kubelet must know its container again before it can end it in order.
        ui.post("stop", instance=name)
        ui.wait_state(name, "stopped", 60)
        place.wait_until_empty()
    assert place.messages(name)[-1]["data"]["status"] == 300


def test_a_stop_while_the_api_server_does_not_answer(place: Place, tmp_path: Path) -> None:
    config = yaml.safe_load(place.cluster.kubeconfig.read_text())
    [cluster] = [each["cluster"] for each in config["clusters"]]
    server = urlsplit(cluster["server"])
    assert server.hostname is not None
    with Relay((server.hostname, server.port or 443)) as relay:
        cluster["server"] = f"https://127.0.0.1:{relay.address[1]}"
        cluster["tls-server-name"] = server.hostname
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config))
        with place.ui(KUBECONFIG=str(kubeconfig)) as ui:
            name = start_training(ui)
            relay.silence()
            refused = ui.post("stop", 503, instance=name)["error"]
            text = f"the Kubernetes API server at {cluster['server']} does not answer: "
            assert refused.startswith(f"not stopped yet: {text}")
            wait_for(lambda: text in ui.instance(name)["reason"], lambda: str(ui.instance(name)))
            assert ui.instance(name)["state"] == "stopping"
            assert place.pod().metadata.deletion_timestamp is None
            relay.resume()
            found = ui.wait_state(name, "stopped", 90)
            assert found["reason"].endswith("was stopped by SIGTERM before its end")
            place.wait_until_empty()


def test_a_pod_that_is_made_after_nobody_waits_for_it_any_more(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ours = place.pod()
        late = {
            "metadata": {"name": "late", "labels": ours.metadata.labels},
            "spec": {"containers": [{"name": "algorithm", "image": ours.spec.containers[0].image}]},
        }
        place.cluster.api.create_namespaced_pod(place.namespace, late)

        def left() -> list[str]:
            return [each.metadata.name for each in place.pods()]

        wait_for(lambda: left() == [ours.metadata.name], lambda: str(left()), 90)
        assert ui.instance(name)["state"] == "running"
        ui.post("stop", instance=name)
