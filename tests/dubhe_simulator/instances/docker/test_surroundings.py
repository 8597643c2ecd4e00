from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.docker.surroundings import Surroundings, surroundings

CONTAINER: dict[str, Any] = {
    "NetworkSettings": {"Networks": {"net_default": {}, "other": {}}},
    "Mounts": [
        {"Destination": "/runs", "Source": "/var/lib/docker/volumes/net_runs/_data"},
        {"Destination": "/runs/models", "Source": "/srv/models"},
        {"Destination": "/scratch", "Source": ""},  # a tmpfs is nowhere on the host
    ],
    "Config": {"Labels": {"com.docker.compose.project": "net", "maintainer": "me"}},
}


def test_on_the_host_nothing_changes(docker_engine: docker.DockerClient) -> None:
    here = surroundings(docker_engine)
    assert (here.container, here.network, here.labels) == (None, None, {})
    assert here.on_host(Path("/runs/1")) == "/runs/1"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/runs", "/var/lib/docker/volumes/net_runs/_data"),
        ("/runs/1/train", "/var/lib/docker/volumes/net_runs/_data/1/train"),
        ("/runs/models/a.pth", "/srv/models/a.pth"),
    ],
)
def test_in_a_container_a_path_lies_where_its_mount_does(path: str, expected: str) -> None:
    assert Surroundings(CONTAINER).on_host(Path(path)) == expected


@pytest.mark.parametrize("path", ["/data", "/runs2", "/scratch/x"])
def test_what_the_container_has_for_itself_is_refused(path: str) -> None:
    with pytest.raises(EngineError, match=f"{path} lies in this container only"):
        Surroundings(CONTAINER).on_host(Path(path))


def test_what_starts_beside_a_container_is_a_part_of_its_project() -> None:
    here = Surroundings(CONTAINER)
    assert here.network == "net_default"
    assert here.labels == {
        "com.docker.compose.project": "net",
        "com.docker.compose.oneoff": "True",
    }
    assert Surroundings({**CONTAINER, "Config": {"Labels": None}}).labels == {}


def test_the_file_of_the_project_names_the_service_of_what_starts() -> None:
    """Compose v2 would take the end of one for the end of the platform's own service."""
    labels = {
        "com.docker.compose.project": "net",
        "com.docker.compose.service": "platform",
        "dubhe.instances.service": "base",
    }
    here = Surroundings({**CONTAINER, "Config": {"Labels": labels}})
    assert here.labels == {
        "com.docker.compose.project": "net",
        "com.docker.compose.service": "base",
        "com.docker.compose.oneoff": "True",
    }
    alone = Surroundings({**CONTAINER, "Config": {"Labels": {"dubhe.instances.service": "base"}}})
    assert alone.labels == {}
