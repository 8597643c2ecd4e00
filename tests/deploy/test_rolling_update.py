"""A rolling update of inference behind its Service, while clients go on asking."""

from __future__ import annotations

from kubernetes import client

from tests.deploy.load import Load, Outcomes
from tests.deploy.support import PATIENCE_S, Place
from tests.support.waiting import wait_for

RATE = 50.0
CALM_REQUESTS = 250
AFTER_REQUESTS = 50
REPLICAS = 2


def test_no_request_fails(place: Place) -> None:
    def install(version: int) -> None:
        place.install(
            "net",
            {
                "workload": "infer",
                "replicas": REPLICAS,
                "params": {"seconds": 0.005},
                "env": {"VERSION": version},
            },
        )
        apps = client.AppsV1Api(place.api.api_client)

        def complete() -> bool:
            """As `kubectl rollout status` sees it, and the old pods have ended."""
            found = apps.read_namespaced_deployment_status("net", place.namespace)
            status = found.status
            return (
                status.observed_generation == found.metadata.generation
                and status.updated_replicas == status.ready_replicas == REPLICAS
                and len(place.pods("net")) == REPLICAS
            )

        wait_for(complete, lambda: place.logs("net"), PATIENCE_S)

    install(1)
    service = place.api.read_namespaced_service("net", place.namespace).spec
    url = f"http://{service.cluster_ip}:{service.ports[0].port}"
    request = {"instance_id": "any", "req_type": 3, "request_number": 1, "image_names": ["1.png"]}
    with Load(url, request, RATE) as load:

        def ended(count: int) -> None:
            wait_for(lambda: load.count >= count, "answers")

        ended(AFTER_REQUESTS)  # the first ones make the connections
        assert load.take().failures == []
        ended(CALM_REQUESTS)
        calm = load.take()
        install(2)
        ended(load.count + AFTER_REQUESTS)
        busy = load.take()
    print(_figures("calm", calm), _figures("update", busy), sep="\n")
    assert calm.failures + busy.failures == []


def _figures(name: str, outcomes: Outcomes) -> str:
    return f"{name}: {len(outcomes.seconds)} requests, p99 {outcomes.p99_ms():.1f} ms"
