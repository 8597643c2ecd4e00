"""The platform with ``--on kubernetes``: tasks in pods of a real cluster, and how these end."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from kubernetes import client
from kubernetes.stream import stream
from playwright.sync_api import Page, expect

from tests.docker.engine import BUILD_TIMEOUT_S
from tests.docker.mirror import PackageMirror
from tests.dubhe_simulator.instances.docker.support import dubhe, image_tag
from tests.dubhe_simulator.instances.kubernetes.support import Place, start_training
from tests.dubhe_simulator.ui import Ui
from tests.kafka.broker import Broker
from tests.kubernetes.fixtures import TestCluster
from tests.page.fixtures import Visitor
from tests.support.waiting import wait_for

DIGITS = Path(__file__).parents[4] / "examples" / "digits"
PAGE_TIMEOUT_MS = 90_000
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


def test_the_digits_example_on_the_page_with_kafka(
    kubernetes_cluster: TestCluster,
    docker_engine: docker.DockerClient,
    place: Place,
    broker: Broker,
    topics: dict[str, str],
    visit: Visitor,
    tmp_path: Path,
) -> None:
    example, data = tmp_path / "digits", tmp_path / "data"
    ignored = shutil.ignore_patterns("data", "output", "temporary", "__pycache__")
    shutil.copytree(DIGITS, example, ignore=ignored)
    subprocess.run([sys.executable, str(DIGITS / "prepare.py"), str(data)], check=True)
    with (
        PackageMirror("scikit-learn>=1.3", "pillow>=10.1") as mirror,
        image_tag(docker_engine, f"dubhe-test-{place.namespace}:1") as tag,
    ):
        built = dubhe(
            *("build", example, "--tag", tag, "--index-url", mirror.url, "--network", "host"),
            timeout=BUILD_TIMEOUT_S,
        )
        assert built.returncode == 0, built.stdout
        kubernetes_cluster.load(tag)
        options = ("--image", tag, "--data-dir", data, "--brokers", broker.bootstrap)
        with place.ui(*options, "--special-params", '{"epochs": 3}', **topics) as ui:
            page = visit(ui.link)
            _train_evaluate_infer(page)
            page.close()  # it would complain of the end of the platform
            [evaluation] = [run for run in ui.get("state")["runs"] if run["kind"] == "evaluate"]
            assert evaluation["results"] == evaluation["images"] == 359
        place.wait_until_empty()


def _train_evaluate_infer(page: Page) -> None:
    """Do it as somebody with a mouse does, and see what comes of it."""
    card = page.locator(".card").first
    navigation = page.get_by_role("navigation")
    page.locator("[data-action=train]").click()
    expect(card.locator("dd").first).to_have_text("Kubernetes pod")
    expect(card).to_have_attribute("data-state", "ended", timeout=PAGE_TIMEOUT_MS)
    navigation.get_by_role("link", name="Curves").click()
    expect(page.locator(".chart .plot[data-points]")).to_have_count(2)

    navigation.get_by_role("link", name="Instances").click()
    page.locator("[data-action=evaluate]").click()
    expect(card.locator(".card-kind")).to_have_text("Evaluation", timeout=PAGE_TIMEOUT_MS)
    expect(card).to_have_attribute("data-state", "ended", timeout=PAGE_TIMEOUT_MS)
    navigation.get_by_role("link", name="Results").click()
    expect(page.locator(".gallery-count")).to_have_text("359 of 359 images")

    navigation.get_by_role("link", name="Instances").click()
    page.locator("[data-action=infer]").click()
    expect(page.locator(".workflow li").nth(2)).to_have_class("done", timeout=PAGE_TIMEOUT_MS)
    navigation.get_by_role("link", name="Send").click()
    page.locator(".sent summary").first.click()
    expect(page.locator(".sent .tile")).to_have_count(6)


def _ended_in_order(place: Place, ui: Ui, name: str, why: str) -> None:
    """Assert that a training that was cut off has saved, said so, and delivered everything."""
    wait_for(lambda: why in ui.instance(name)["reason"], lambda: str(ui.instance(name)))
    assert ui.instance(name)["state"] == "stopped"
    [run] = ui.wait(lambda s: s["runs"][0]["status"] == 300, 60)["runs"]
    assert "SIGTERM" in run["message"]
    assert (place.output / "models" / "checkpoint.pth").exists()
    place.wait_until_empty()


def test_somebody_deletes_the_pod_in_mid_training(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        pod = place.pod()
        assert pod.spec.enable_service_links is False
        place.cluster.api.delete_namespaced_pod(pod.metadata.name, place.namespace)
        ui.wait_state(name, "stopped", 60)
        last = place.messages(name)[-1]["data"]
        assert (last["action"], last["status"]) == ("END", 300)
        assert "SIGTERM" in last["msg"]
        assert (place.output / "models" / "checkpoint.pth").exists()
        place.wait_until_empty()


def test_somebody_deletes_the_pod_while_messages_go_to_kafka(
    place: Place, broker: Broker, topics: dict[str, str]
) -> None:
    with place.ui("--brokers", broker.bootstrap, **topics) as ui:
        name = start_training(ui)
        place.cluster.api.delete_namespaced_pod(place.pod().metadata.name, place.namespace)
        _ended_in_order(place, ui, name, "somebody deleted the pod")


def test_the_pod_is_evicted_by_the_api(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        pod = place.pod().metadata.name
        eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod))
        place.cluster.api.create_namespaced_pod_eviction(pod, place.namespace, eviction)
        _ended_in_order(place, ui, name, "the cluster ended the pod: EvictionByEvictionAPI ")


def test_the_node_evicts_a_pod_that_fills_its_disk(place: Place) -> None:
    limits = {"type": "Container", "default": {"ephemeral-storage": "24Mi"}}
    place.cluster.api.create_namespaced_limit_range(
        place.namespace, {"metadata": {"name": "disk"}, "spec": {"limits": [limits]}}
    )
    with place.ui() as ui:
        name = start_training(ui, fill=True)
        ui.wait_state(name, "stopped", 120)
        why = "the node evicted the pod: "
        wait_for(lambda: why in ui.instance(name)["reason"], lambda: str(ui.instance(name)))
        assert "ephemeral" in ui.instance(name)["reason"]


def _kill_all_but_the_first(place: Place) -> None:
    with contextlib.suppress(Exception):  # the connection ends with the container
        stream(
            place.cluster.api.connect_get_namespaced_pod_exec,
            place.pod().metadata.name,
            place.namespace,
            command=["sh", "-c", "kill -9 -1"],
            stdout=True,
        )


def _kill_the_first(place: Place) -> None:
    place.cluster.kill_first_process(place.pod())


@pytest.mark.parametrize("kill", [_kill_all_but_the_first, _kill_the_first])
def test_everything_in_the_container_is_killed(
    place: Place, broker: Broker, topics: dict[str, str], kill: Callable[[Place], None]
) -> None:
    with place.ui("--brokers", broker.bootstrap, **topics) as ui:
        name = start_training(ui)
        kill(place)
        state = ui.wait(lambda s: s["workflow"]["state"] == "failed", 60)
        assert "ended with status 137" in state["workflow"]["error"]
        assert ui.instance(name)["reason"] == "exited with status 137 (SIGKILL)"
        # Its spool is the next one's, which delivers the END that was missing.
        ui.post("start", kind="train")
        ui.wait(lambda s: [run["status"] for run in s["runs"]] == [300], 60)


def test_the_output_of_a_pod_whose_log_the_kubelet_rotates(place: Place) -> None:
    place.cluster.may_touch_its_node()  # by its settings: another one may keep ten times as much
    first, last = "line 0001 0000 ", "line 0300 0099 "
    with place.ui() as ui:
        name = start_training(ui, epochs=300, lines=100)
        pod = place.pod().metadata.name

        def kept() -> str:
            return str(place.cluster.api.read_namespaced_pod_log(pod, place.namespace))

        wait_for(lambda: first not in kept(), "another file", timeout=120)
        ui.kill()
    [console] = place.runs.glob("*/train/console.log")
    with place.ui() as ui:
        ui.wait(lambda s: s["runs"][0]["status"] == 200, 120)
        wait_for(lambda: last in console.read_text(), "the last line")
        ui.post("stop", instance=name)
    before, gap = -1, False
    for line in console.read_text().splitlines():
        if found := re.fullmatch(r"line (\d+) (\d+) \.+", line):
            number = (int(found[1]) - 1) * 100 + int(found[2])
            assert number > before if gap else number == before + 1
            before, gap = number, False
        gap |= line.startswith("! output may be missing here")
    assert before == 29_999
    place.wait_until_empty()


def test_the_memory_limit(place: Place) -> None:
    with place.ui("--memory", "400m") as ui:
        ui.post("workflow/train", special_params={"eat": True})
        state = ui.wait(lambda s: s["workflow"] and s["workflow"]["state"] == "failed", 90)
        name = state["instances"][0]["id"]
        last = place.messages(name)[-1]["data"]
        assert (last["action"], last["status"]) == ("END", 300)
        assert "memory" in last["msg"]
