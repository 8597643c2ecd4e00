"""A rolling update of inference behind its Service, while clients go on asking."""

from __future__ import annotations

import statistics

from kubernetes import client, watch

from tests.deploy.load import Load, Outcomes
from tests.deploy.support import PATIENCE_S, Place
from tests.support.waiting import wait_for

RATE = 50.0
CALM_REQUESTS = 200
AFTER_REQUESTS = 50
REPLICAS = 2
# One update has a few hundred requests, of which other processes of the machine delay some.
FEWEST_UPDATES, MOST_UPDATES = 3, 7
# Of the 99th percentile, to the calm one.
MOST_TIMES = 3.0


def test_no_request_fails_and_few_take_long(place: Place) -> None:
    values = {"workload": "infer", "replicas": REPLICAS, "params": {"seconds": 0.005}}
    place.install("net", values)
    wait_for(lambda: _ready(place) == REPLICAS, lambda: place.logs("net"), PATIENCE_S)
    service = place.api.read_namespaced_service("net", place.namespace).spec
    url = f"http://{service.cluster_ip}:{service.ports[0].port}"
    request = {"instance_id": "any", "req_type": 3, "request_number": 1, "image_names": ["1.png"]}
    calm: list[Outcomes] = []
    busy: list[Outcomes] = []

    def times() -> float:
        calm_ms, busy_ms = (statistics.median(o.p99_ms() for o in of) for of in (calm, busy))
        return busy_ms / calm_ms

    with Load(url, request, RATE) as load:

        def ended(count: int) -> Outcomes:
            wait_for(lambda: load.count >= count, "answers")
            return load.take()

        assert ended(AFTER_REQUESTS).failures == []  # the first ones make the connections
        for number in range(MOST_UPDATES):
            calm.append(ended(CALM_REQUESTS))
            _update(place, number)
            busy.append(ended(load.count + AFTER_REQUESTS))
            print(_figures("calm", calm[-1]), _figures("update", busy[-1]), sep="\n")
            assert calm[-1].failures + busy[-1].failures == []
            if number + 1 >= FEWEST_UPDATES and times() <= MOST_TIMES:
                break
    assert times() <= MOST_TIMES


def _ready(place: Place) -> int:
    found = client.AppsV1Api(place.api.api_client).read_namespaced_deployment_status(
        "net", place.namespace
    )
    return found.status.ready_replicas or 0


def _update(place: Place, version: int) -> None:
    """Change the Deployment, and wait until the last of the old pods is gone.

    By one watch: on this machine, whoever asks often takes the processor from the pods.
    """
    container = {"name": "algorithm", "env": [{"name": "VERSION", "value": str(version)}]}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    old = {pod.metadata.name for pod in place.pods("net")}
    client.AppsV1Api(place.api.api_client).patch_namespaced_deployment(
        "net", place.namespace, template
    )
    events = watch.Watch().stream(
        place.api.list_namespaced_pod, place.namespace, timeout_seconds=int(PATIENCE_S)
    )
    for event in events:
        if event["type"] == "DELETED":
            old.discard(event["object"].metadata.name)
        if not old:
            return
    raise AssertionError(f"the update has not ended: {place.logs('net')}")


def _figures(name: str, outcomes: Outcomes) -> str:
    return f"{name}: {len(outcomes.seconds)} requests, p99 {outcomes.p99_ms():.1f} ms"
