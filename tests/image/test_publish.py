"""`image/publish` to a real registry on loopback: push, remove, pull back, run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from dubhe_sdk import __version__
from tests.docker import engine, images
from tests.docker.containers import Container
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

SCRIPT = engine.REPOSITORY / "image" / "publish"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """``host:port`` of Debian's docker-registry, with a storage of the test's own."""
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
            "http": {"addr": address},
        }
        (tmp_path / "registry.yml").write_text(json.dumps(config))  # JSON is YAML too
        with (tmp_path / "registry.log").open("wb") as log:
            process = subprocess.Popen(
                ["docker-registry", "serve", str(tmp_path / "registry.yml")], stdout=log, stderr=log
            )
        try:
            wait_for(lambda: catalogue(address) is not None, "the registry")
            yield address
        finally:
            process.terminate()
            process.wait()


def catalogue(address: str) -> list[str] | None:
    """Return the names in a registry, or None if it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/v2/_catalog", timeout=5) as reply:
            return list(json.load(reply)["repositories"])
    except OSError:
        return None


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean copy of what is committed or about to be: `image/publish` writes dist/ there."""
    folder = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", engine.REPOSITORY, folder], check=True)
    names = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=engine.REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, names.decode().split("\0")):
        if (engine.REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(engine.REPOSITORY / name, folder / name)
    return folder


def publish(checkout: Path, base: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it for this machine's platform."""
    return subprocess.run(
        [
            *("image/publish", *arguments, "--unaudited"),
            *("--platform", "linux/amd64", "--base", base),
            *("--", "--network", "host", "--secret", f"id=ca,src={engine.CA_BUNDLE}"),
        ],
        cwd=checkout,
        env={**os.environ, "DOCKER": engine.command_line()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_published_removed_pulled_and_run(
    docker_engine: docker.DockerClient, registry: str, checkout: Path, tmp_path: Path
) -> None:
    python = images.python_image(docker_engine)
    done = publish(checkout, python, f"{registry}/vision", "--latest")
    assert done.returncode == 0, done.stderr
    whole, latest, member = done.stdout.split()
    image = f"{registry}/vision/dubhe-base"
    version = __version__
    assert whole.startswith(f"{image}:{version}@sha256:")
    assert latest.startswith(f"{image}:latest@sha256:")
    assert member.startswith(f"{image}@sha256:")
    assert catalogue(registry) == ["vision/dubhe-base"]

    dist = {path.name for path in (checkout / "dist").iterdir()}
    names = ("dubhe_core", "dubhe_runtime", "dubhe_simulator", "dubhe_sdk")
    assert {f"{name}-{version}-py3-none-any.whl" for name in names} <= dist
    bill = json.loads((checkout / "dist" / f"dubhe-base-{version}-amd64.cdx.json").read_text())
    assert {"gevent", "kafka-python"} <= {component["name"] for component in bill["components"]}

    docker_engine.images.remove(f"{image}:{version}-amd64", force=True)
    digest = whole.partition("@")[2]
    pulled = docker_engine.images.pull(image, tag=digest)
    try:
        labels = pulled.labels
        assert labels["org.opencontainers.image.version"] == version
        assert len(labels["org.opencontainers.image.revision"].removesuffix("-dirty")) == 40
        with Container(
            docker_engine, f"{image}@{digest}", entrypoint=["dubhe", "--version"]
        ) as container:
            assert container.wait() == 0
            assert container.logs == f"dubhe-sdk {version}\n"
    finally:
        docker_engine.images.remove(pulled.id, force=True)


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["one", "two"], ["--help"]])
def test_usage(arguments: list[str]) -> None:
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Usage: image/publish REGISTRY" in done.stderr


def test_what_could_not_be_audited_is_not_published(checkout: Path) -> None:
    done = subprocess.run(
        ["image/publish", "127.0.0.1:9"],
        cwd=checkout,
        env={**os.environ, "DOCKER": "no-such-command", "PIP_AUDIT": "no-such-command"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "NOT CHECKED: no-such-command is not installed" in done.stderr
    assert "--unaudited publishes all the same" in done.stderr
    assert not (checkout / "dist").exists()


def test_a_registry_that_does_not_answer(
    docker_engine: docker.DockerClient, base_image: str, checkout: Path
) -> None:
    python = images.python_image(docker_engine)
    done = publish(checkout, python, "127.0.0.1:9")
    assert done.returncode == 1
    assert "connection refused" in done.stderr
    assert done.stdout == ""
    docker_engine.images.remove(f"127.0.0.1:9/dubhe-base:{__version__}-amd64", force=True)
