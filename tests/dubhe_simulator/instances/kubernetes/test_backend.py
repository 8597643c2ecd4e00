"""The backend against a stand-in for the API server, which breaks and refuses when it is told to.

That pods really run is for `test_pods.py`.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.base import ExitInfo
from dubhe_simulator.instances.engine_problem import EngineSilent
from dubhe_simulator.instances.kubernetes.backend import KubernetesBackend
from dubhe_simulator.instances.kubernetes.cluster import Cluster
from dubhe_simulator.instances.kubernetes.instance import KubernetesInstance
from dubhe_simulator.instances.kubernetes.spec import PodOptions
from dubhe_simulator.instances.kubernetes.volumes import Volume
from tests.dubhe_simulator.instances.kubernetes.api_server import ApiServer
from tests.support.languages import in_both_languages
from tests.support.relay import Relay
from tests.support.waiting import wait_for

ID = "digits-local-train-1"
POD = f"dubhe-{ID}"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as found:
        yield found


def backend_of(api: ApiServer, folder: Path, cluster: Cluster | None = None) -> KubernetesBackend:
    volumes = [Volume(folder.resolve(), "claim")]
    options = PodOptions("digits:1", "digits", "http", folder / "runs", folder / "out", volumes)
    return KubernetesBackend(cluster or api.cluster, options)


@pytest.fixture
def backend(api: ApiServer, tmp_path: Path) -> KubernetesBackend:
    found = backend_of(api, tmp_path)
    assert found.adopt() == ()
    return found


@pytest.fixture
def instance(backend: KubernetesBackend, tmp_path: Path) -> KubernetesInstance:
    found = backend.instance(TaskKind.TRAIN, ID, tmp_path / "runs" / "1" / "train", {})
    found.start()
    return found


def ended(instance: KubernetesInstance) -> ExitInfo:
    wait_for(lambda: instance.ended() is not None, "the end")
    found = instance.ended()
    assert found is not None
    return found


def runs(instance: KubernetesInstance) -> None:
    wait_for(lambda: instance.address is not None, "an address")


def stop(instance: KubernetesInstance) -> threading.Thread:
    """Stop it on another thread, since that waits for its end."""
    thread = threading.Thread(target=instance.stop)
    thread.start()
    return thread


def test_an_instance_from_start_to_end(api: ApiServer, instance: KubernetesInstance) -> None:
    assert instance.address is None and instance.ended() is None
    assert instance.condition is not None
    assert instance.condition.text == "a node is preparing the container"
    api.run(POD)
    runs(instance)
    assert instance.address == ("127.0.0.2", 8030)
    assert instance.condition is None
    api.write(POD, "第一行 READY".encode())
    wait_for(lambda: "READY" in console(instance), "its output")
    api.end(POD, 3)
    assert ended(instance) == ExitInfo(3)
    instance.close()
    assert api.pods == {}
    assert instance.console.read_text() == "第一行 READY\n"


def console(instance: KubernetesInstance) -> str:
    return instance.console.read_text() if instance.console.exists() else ""


def test_copied_output_stays_while_the_api_server_refuses(
    api: ApiServer, instance: KubernetesInstance
) -> None:
    api.run(POD)
    runs(instance)
    api.write(POD, b"epoch 1")
    wait_for(lambda: console(instance) == "epoch 1\n", "its output")
    api.refusal = (503, "apiserver not ready")
    api.requests.clear()
    api.break_connections()
    wait_for(lambda: sum("/log" in one for one in api.requests) > 1, lambda: str(api.requests))
    assert console(instance) == "epoch 1\n"
    api.refusal = None
    api.write(POD, b"epoch 2")
    wait_for(lambda: console(instance) == "epoch 1\nepoch 2\n", "the rest")


def test_a_stop_waits_for_the_last_state(api: ApiServer, instance: KubernetesInstance) -> None:
    api.run(POD)
    runs(instance)
    stopping = stop(instance)
    wait_for(lambda: "deletionTimestamp" in api.pods[POD]["metadata"], "the request to end")
    assert stopping.is_alive()
    api.end(POD, 143)
    api.remove(POD)
    stopping.join(30)
    assert instance.ended() == ExitInfo(143)


def test_the_pod_ends_while_nobody_can_see_it(api: ApiServer, instance: KubernetesInstance) -> None:
    """The watch breaks, the API server refuses for a while, and the pod is gone by then."""
    api.run(POD)
    runs(instance)
    api.refusal = (503, "apiserver not ready")
    api.break_connections()
    api.remove(POD)
    api.refusal = None
    found = ended(instance)
    assert found.status == 1


@pytest.mark.parametrize("how", ["broken", "expired"])
def test_a_watch_that_ends_goes_on(api: ApiServer, instance: KubernetesInstance, how: str) -> None:
    api.run(POD)
    runs(instance)
    if how == "expired":
        api.forget_versions()
    api.break_connections()
    api.end(POD, 7)
    assert ended(instance).status == 7


def test_output_that_breaks_off_is_complete_in_the_end(
    api: ApiServer, instance: KubernetesInstance
) -> None:
    api.run(POD)
    api.write(POD, b"first")
    wait_for(lambda: "first" in console(instance), "the first line")
    api.break_connections()
    api.write(POD, b"second")
    wait_for(lambda: console(instance) == "first\nsecond\n", "both lines, once")
    api.end(POD, 0)
    instance.close()
    assert console(instance) == "first\nsecond\n"


def test_output_of_which_the_node_gives_the_newest_file(
    api: ApiServer, instance: KubernetesInstance
) -> None:
    api.run(POD)
    api.write(POD, b"first")
    wait_for(lambda: "first" in console(instance), "the first line")
    api.rotate(POD)
    api.break_connections()
    api.write(POD, b"third")
    gap = "! output may be missing here: the engine no longer has what came next"
    wait_for(lambda: console(instance) == f"first\n{gap}\nthird\n", lambda: console(instance))
    api.end(POD, 0)
    instance.close()
    assert console(instance) == f"first\n{gap}\nthird\n"


def test_a_stop_that_is_not_answered_is_no_end(
    api: ApiServer, instance: KubernetesInstance
) -> None:
    api.run(POD)
    runs(instance)
    api.refusal = (503, "apiserver not ready")
    with pytest.raises(EngineSilent):
        instance.stop()
    assert instance.ended() is None
    assert instance.condition is not None
    assert in_both_languages(lambda: instance.condition.text) == (  # type: ignore[union-attr]
        "the cluster refuses the pod: apiserver not ready",
        "集群拒绝了这个 pod：apiserver not ready",
    )
    api.refusal = None
    stopping = stop(instance)
    wait_for(lambda: "deletionTimestamp" in api.pods[POD]["metadata"], "the request to end")
    wait_for(lambda: instance.condition is None, lambda: str(instance.condition))
    api.end(POD, 143)
    api.remove(POD)
    stopping.join(30)
    assert instance.ended() == ExitInfo(143)


def test_a_stop_while_the_api_server_has_stopped(api: ApiServer, tmp_path: Path) -> None:
    with Relay(("127.0.0.1", api.port)) as relay:
        port = int(relay.address[1])
        backend = backend_of(api, tmp_path, api.cluster_at(port))
        backend.adopt()
        instance = backend.instance(TaskKind.TRAIN, ID, tmp_path / "runs" / "1" / "train", {})
        instance.start()
        api.run(POD)
        runs(instance)
        relay.silence()
        with pytest.raises(EngineSilent):
            instance.stop()
        assert instance.ended() is None and instance.condition is not None
        text = f"the Kubernetes API server at http://127.0.0.1:{port} does not answer: "
        assert instance.condition.text.startswith(text)
        assert "deletionTimestamp" not in api.pods[POD]["metadata"]
        relay.resume()
        stopping = stop(instance)
        wait_for(lambda: "deletionTimestamp" in api.pods[POD]["metadata"], "the request to end")
        api.end(POD, 143)
        wait_for(lambda: instance.ended() == ExitInfo(143), lambda: str(instance.ended()))
        stopping.join(30)


def test_a_stop_that_is_done_but_not_answered(api: ApiServer, instance: KubernetesInstance) -> None:
    api.run(POD)
    runs(instance)
    api.answers = False
    with pytest.raises(EngineSilent):
        instance.stop()
    api.answers = True
    stopping = stop(instance)

    def asked() -> int:
        return sum(one.startswith("DELETE") for one in api.requests)

    wait_for(lambda: asked() == 2, "the second attempt")
    api.end(POD, 143)
    api.remove(POD)
    stopping.join(30)
    assert instance.ended() == ExitInfo(143)  # not: somebody deleted it


def test_an_outage_is_said_of_each_pod(api: ApiServer, instance: KubernetesInstance) -> None:
    api.run(POD)
    runs(instance)
    api.refusal = (503, "apiserver not ready")
    api.break_connections()
    wait_for(lambda: instance.condition is not None, "the outage")
    assert instance.ended() is None
    api.refusal = None
    wait_for(lambda: instance.condition is None, lambda: str(instance.condition))


def test_a_pod_whose_creation_was_not_confirmed(
    api: ApiServer, backend: KubernetesBackend, tmp_path: Path
) -> None:
    found = backend.instance(TaskKind.TRAIN, ID, tmp_path / "runs" / "1" / "train", {})
    api.answers = False
    with pytest.raises(EngineSilent):
        found.start()
    assert list(api.pods) == [POD]
    assert not found.over  # its spool is in use
    api.answers = True
    wait_for(lambda: api.pods == {}, lambda: str(api.pods))
    wait_for(lambda: found.over, "the answer to that")


@pytest.mark.parametrize("watching", [True, False])
def test_a_pod_that_is_made_after_nobody_waits_for_it_any_more(
    api: ApiServer, instance: KubernetesInstance, watching: bool
) -> None:
    late = copy.deepcopy(api.pods[POD])
    late["metadata"]["name"] = "dubhe-late"
    if not watching:
        api.refusal = (503, "apiserver not ready")
        api.break_connections()
    api.create(late)
    api.refusal = None
    wait_for(lambda: list(api.pods) == [POD], lambda: str(api.pods))


def test_what_an_ended_instance_has_left_is_removed_when_the_api_server_answers(
    api: ApiServer, instance: KubernetesInstance
) -> None:
    api.run(POD)
    api.end(POD, 0)
    ended(instance)
    api.refusal = (503, "apiserver not ready")
    instance.close()
    assert list(api.pods) == [POD] and not instance.over
    api.refusal = None
    wait_for(lambda: api.pods == {} and instance.over, lambda: str(api.pods))


def test_somebody_deletes_the_pod(api: ApiServer, instance: KubernetesInstance) -> None:
    api.run(POD)
    runs(instance)
    cluster = api.cluster
    cluster.delete(POD)
    api.end(POD, 143)
    api.remove(POD)
    found = ended(instance)
    assert found.status == 143
    assert found.reason is not None and found.reason.text == "somebody deleted the pod"


def test_a_platform_on_the_same_folder_goes_on_with_it(
    api: ApiServer, instance: KubernetesInstance, tmp_path: Path
) -> None:
    api.run(POD)
    api.write(POD, b"said before")
    wait_for(lambda: console(instance) == "said before\n", "its output")
    [adopted] = backend_of(api, tmp_path).adopt()
    assert (adopted.id, adopted.kind, adopted.folder) == (ID, TaskKind.TRAIN, instance.folder)
    assert adopted.address == ("127.0.0.2", 8030)
    api.end(POD, 0)
    assert ended(adopted) == ExitInfo(0)
    adopted.close()
    assert console(adopted) == "said before\n"
    assert api.pods == {}


def test_a_platform_on_another_folder_does_not(
    api: ApiServer, instance: KubernetesInstance, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = backend_of(api, tmp_path / "other")
    assert other.adopt() == ()
    other.end_orphans()
    assert list(api.pods) == [POD]


def test_orphans_are_ended_in_order(
    api: ApiServer, instance: KubernetesInstance, tmp_path: Path
) -> None:
    api.run(POD)
    runs(instance)
    ending = threading.Thread(target=backend_of(api, tmp_path).end_orphans)
    ending.start()
    wait_for(lambda: "deletionTimestamp" in api.pods[POD]["metadata"], "the request to end")
    assert ending.is_alive()
    api.end(POD, 143)
    api.remove(POD)
    ending.join(30)
    assert not ending.is_alive()


@pytest.mark.parametrize(
    ("status", "message", "english", "chinese"),
    [
        (
            *(403, "exceeded quota: q"),
            "the quota of namespace team is exhausted: {}",
            "命名空间 team 的配额已用完：{}",
        ),
        (
            *(403, 'violates PodSecurity "restricted:latest"'),
            "the Pod Security level of namespace team does not allow this pod: {}",
            "命名空间 team 的 Pod Security 级别不允许这个 pod：{}",
        ),
        (
            *(403, "User x cannot create resource pods"),
            "the cluster refuses it in namespace team: {}. The platform needs the verbs create, "
            "delete, list and watch on pods, and get on pods/log",
            "集群在命名空间 team 中拒绝了请求：{}。平台需要对 pods 的 create、delete、list、"
            "watch 权限，以及对 pods/log 的 get 权限",
        ),
        (
            *(401, "Unauthorized"),
            "the Kubernetes API server does not accept the credentials of this context: {}",
            "Kubernetes API server 不接受该 context 的凭据：{}",
        ),
        (
            *(404, 'namespaces "team" not found'),
            "the cluster has no namespace team: create it (kubectl create namespace team), or "
            "choose another with --namespace",
            "集群中没有命名空间 team：先创建（kubectl create namespace team），或用 --namespace "
            "换一个",
        ),
        (
            *(422, "spec: Invalid value"),
            "the cluster refuses the pod: {}",
            "集群拒绝了这个 pod：{}",
        ),
    ],
)
def test_refusals_in_words(
    api: ApiServer,
    backend: KubernetesBackend,
    tmp_path: Path,
    status: int,
    message: str,
    english: str,
    chinese: str,
) -> None:
    api.refusal = (status, message)
    texts = (english.replace("{}", message), chinese.replace("{}", message))
    found = backend.instance(TaskKind.TRAIN, ID, tmp_path / "runs" / "1", {})

    def refused() -> str:
        with pytest.raises(EngineError) as error:
            found.start()
        return str(error.value)

    assert in_both_languages(refused) == texts
    found.close()


def test_fifty_instances_cost_one_watch(
    api: ApiServer, backend: KubernetesBackend, tmp_path: Path
) -> None:
    found = [
        backend.instance(TaskKind.TRAIN, f"digits-local-train-{n}", tmp_path / "runs" / str(n), {})
        for n in range(50)
    ]
    for each in found:
        each.start()
    asked = len(api.requests)
    for _ in range(100):
        assert [each.ended() for each in found] == [None] * 50
        assert all(each.condition for each in found)
    assert len(api.requests) == asked
