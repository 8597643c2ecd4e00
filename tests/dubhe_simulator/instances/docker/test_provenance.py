"""What is kept of a container, from what a Docker engine says of it."""

from __future__ import annotations

from typing import Any

from dubhe_simulator.instances.docker.provenance import container_provenance
from dubhe_simulator.instances.provenance.record import ContainerImage, Host, Revision

ID = f"sha256:{'ab' * 32}"
CONTAINER: dict[str, Any] = {
    "Path": "/usr/bin/tini",
    "Args": ["--", "bash", "run.sh"],
    "Image": ID,
    "Config": {
        "Image": "digits:1",
        "WorkingDir": "/app",
        "Labels": {"dubhe.kind": "train", "org.opencontainers.image.revision": "f" * 40},
        "Env": [
            "PATH=/usr/bin", "CUDA_VISIBLE_DEVICES=0", "HF_TOKEN=abc", "SITE=plant 7",
            'special_params={"lr": 0.1, "password": "p"}',
            "BOOTSTRAP_SERVERS=kafka:9092", "INSTANCE_ID=a-b-train-1",
        ],
    },
}  # fmt: skip
IMAGE = {"RepoDigests": [f"registry.example/digits@sha256:{'cd' * 32}"]}
INFO = {
    "Name": "node-1", "OperatingSystem": "Debian 12", "KernelVersion": "6.1.0",
    "NCPU": 8, "MemTotal": 1 << 34,
}  # fmt: skip


def test_image_command_and_machine_are_what_the_engine_says() -> None:
    found = container_provenance(CONTAINER, IMAGE, INFO)
    assert found.command == "/usr/bin/tini -- bash run.sh"
    assert found.folder == "/app"
    assert found.image == ContainerImage("digits:1", ID, IMAGE["RepoDigests"][0])
    assert found.host == Host("node-1", "Debian 12 6.1.0", 8, 1 << 34)
    assert found.git == Revision("f" * 40, "")
    assert (found.python, found.problems) == (None, ())


def test_the_commit_of_the_base_image_is_not_the_algorithms() -> None:
    def commit(**labels: str) -> Revision | None:
        given = {name.replace("_", "."): label for name, label in labels.items()}
        container = {**CONTAINER, "Config": {**CONTAINER["Config"], "Labels": given}}
        return container_provenance(container, IMAGE, INFO).git

    inherited = {"org_opencontainers_image_revision": "b" * 40, "dubhe_base_revision": "b" * 40}
    assert commit(**inherited) is None
    own = {**inherited, "org_opencontainers_image_revision": "c" * 40}
    assert commit(**own) == Revision("c" * 40, "")


def test_neither_secrets_nor_what_only_its_owner_understands_are_kept() -> None:
    found = container_provenance(CONTAINER, IMAGE, INFO).environment
    assert found["CUDA_VISIBLE_DEVICES"] == "0"
    assert "abc" not in found.get("HF_TOKEN", "")
    assert '"lr": 0.1' in found["special_params"] and '"p"' not in found["special_params"]
    assert not {"SITE", "INSTANCE_ID"} & found.keys()


def test_an_image_that_was_built_here_has_no_digest() -> None:
    container = {**CONTAINER, "Config": {**CONTAINER["Config"], "Labels": None, "Env": None}}
    found = container_provenance(container, {"RepoDigests": []}, {})
    assert found.image == ContainerImage("digits:1", ID, "")
    assert (found.git, found.environment, found.host) == (None, {}, Host("", "", 0, 0))
