"""Pods of a platform or a node that ends before them."""

from __future__ import annotations

import os
import subprocess

from tests.dubhe_simulator.instances.kubernetes.support import Place, start_training
from tests.kubernetes.own import PROGRAM, REPOSITORY

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
