"""What is kept of a pod, from what an API server says of it."""

from __future__ import annotations

from typing import Any

from dubhe_simulator.instances.kubernetes.provenance import pod_provenance
from dubhe_simulator.instances.provenance.record import ContainerImage, Host

DIGEST = f"docker.io/library/digits@sha256:{'ab' * 32}"


def pod(**container: Any) -> dict[str, Any]:
    return {
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "algorithm", "image": "digits:1", **container}],
        },
        "status": {"containerStatuses": [{"name": "algorithm", "imageID": DIGEST}]},
    }


def test_image_node_and_environment_are_what_the_server_says() -> None:
    env = [
        {"name": "CUDA_VISIBLE_DEVICES", "value": "0"},
        {"name": "HF_TOKEN", "value": "abc"},
        {"name": "DUBHE_X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "SITE", "value": "plant 7"},
    ]
    found = pod_provenance(pod(env=env))
    assert found.image == ContainerImage("digits:1", "", DIGEST)
    assert found.host == Host("node-1", "", 0, 0)
    assert found.environment["CUDA_VISIBLE_DEVICES"] == "0"
    assert "abc" not in found.environment.get("HF_TOKEN", "")
    assert not {"DUBHE_X", "SITE"} & found.environment.keys()
    assert (found.command, found.folder) == ("", ""), "the image's own: the server has none"


def test_a_pod_that_no_node_has_yet() -> None:
    found = pod_provenance(
        {"spec": {"containers": [{"name": "algorithm", "image": "digits:1", "command": ["a b"]}]}}
    )
    assert found.image == ContainerImage("digits:1", "", "")
    assert (found.command, found.host.name) == ("'a b'", "")
