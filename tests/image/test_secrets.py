"""Secrets are given to a running container; no layer, file or line of it keeps them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import docker
import pytest

from dubhe_sdk.environment import SECRETS
from tests.docker.containers import SERVICE_PORT, Container
from tests.docker.contents import contents, files
from tests.dubhe_simulator.instances.docker.support import dubhe
from tests.image.test_delivery import platform

MARK = "mark-of-a-secret"
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s[A-Za-z0-9+/=\s]{64}")


def description(client: docker.DockerClient, tag: str) -> str:
    """Return all that an image tells of itself: its configuration and how it was made."""
    image = client.images.get(tag)
    return json.dumps([image.attrs, image.history()])


def test_the_base_image_knows_no_secret(
    docker_engine: docker.DockerClient, base_image: str
) -> None:
    told = description(docker_engine, base_image)
    assert not [word for word in (*SECRETS, "PASSWORD", "TOKEN") if word in told]
    found = contents(docker_engine, base_image)
    assert len(found) > 1000
    # Libraries of cryptography carry keys that they test themselves with.
    texts = {name: text for name, text in found.items() if not text.startswith(b"\x7fELF")}
    assert not [name for name, text in texts.items() if PRIVATE_KEY.search(text)]


@pytest.mark.parametrize("given", ["environment", "file"])
def test_nothing_that_a_container_writes_holds_a_secret(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], tmp_path: Path, given: str
) -> None:
    """The spool, the logs and everything else that ``docker commit`` would keep."""
    secret = tmp_path / "password"
    secret.write_text(MARK)
    environment = {
        **platform(SERVICE_PORT, "127.0.0.1:1", "status"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "alice",
    }
    volumes = []
    if given == "environment":
        environment["KAFKA_SASL_PASSWORD"] = MARK
    else:
        environment["KAFKA_SASL_PASSWORD_FILE"] = "/run/secrets/password"
        volumes = [f"{secret}:/run/secrets/password:ro"]
    with Container(
        docker_engine, algorithms["http"], environment=environment, volumes=volumes
    ) as container:
        container.wait_logged("READY")
        container.train()
        container.wait_logged("END 200")
        told = [container.run("dubhe", "status")[1], container.run("dubhe", "status", "--json")[1]]
        assert json.loads(told[1])["sidecar"] == "running"
        container.stop()
        assert not [text for text in (*told, container.logs) if MARK in text]
        found = dict(files(container.container))
    assert any(name.startswith("temporary/") for name in found)  # the spool is among them
    assert not [name for name, content in found.items() if MARK.encode() in content]


def test_an_algorithm_made_by_init_leaves_its_secrets_out(
    docker_engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> None:
    folder = tmp_path / "secretive"
    done = dubhe("init", folder)
    assert done.returncode == 0, done.stdout
    for name in (".env", ".env.production", "client.key", "secrets/password"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(MARK)
    tag = "dubhe-test-algorithm:secretive"
    try:
        docker_engine.images.build(path=str(folder), tag=tag, rm=True, forcerm=True)
        found = contents(docker_engine, tag)
        assert "app/app.py" in found
        assert not [name for name, content in found.items() if MARK.encode() in content]
    finally:
        docker_engine.images.remove(tag, force=True)
