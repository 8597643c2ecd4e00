"""What is in the image, what is not, and what a change rebuilds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.docker import engine, images
from tests.docker.containers import Container
from tests.docker.contents import contents
from tests.docker.mirror import PackageMirror
from tests.image.conftest import APP, AlgorithmFactory, write_algorithm

BUDGET_BYTES = 80 * 1000 * 1000

DOCKERFILE_WITH_PACKAGES = """
FROM dubhe-base
COPY requirements.txt .
RUN touch /installed
COPY . .
"""


def attributes(client: docker.DockerClient, tag: str) -> dict[str, Any]:
    """Return what the engine knows of an image."""
    found: dict[str, Any] = client.images.get(tag).attrs
    return found


def layers(client: docker.DockerClient, tag: str) -> list[str]:
    """Return the digests of an image's layers."""
    return list(attributes(client, tag)["RootFS"]["Layers"])


def test_it_adds_little(docker_engine: docker.DockerClient, base_image: str) -> None:
    python = images.python_image(docker_engine)
    before, after = (attributes(docker_engine, tag)["Size"] for tag in (python, base_image))
    assert 0 < after - before < BUDGET_BYTES
    shared = layers(docker_engine, python)
    assert layers(docker_engine, base_image)[: len(shared)] == shared


def test_its_configuration(docker_engine: docker.DockerClient, base_image: str) -> None:
    config = attributes(docker_engine, base_image)["Config"]
    assert config["WorkingDir"] == "/app"
    assert config["ExposedPorts"] == {"8030/tcp": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "/opt/dubhe/bin/dubhe", "health"]
    assert config["Entrypoint"][0] == "/usr/bin/tini"
    labels = config["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == "dubhe-base"
    assert labels[f"{prefix}licenses"] == "MIT"
    assert labels[f"{prefix}base.name"].startswith(images.PYTHON_IMAGE)
    names = {variable.split("=")[0] for variable in config["Env"]}
    pip = {"PIP_BREAK_SYSTEM_PACKAGES", "PIP_CONSTRAINT", "PIP_ROOT_USER_ACTION"}
    assert names == {"PATH", "DUBHE_COMMAND", *pip}


def test_its_bill_of_materials(docker_engine: docker.DockerClient, base_image: str) -> None:
    with Container(
        docker_engine, base_image, entrypoint=["cat", "/opt/dubhe/sbom.cdx.json"]
    ) as container:
        assert container.wait() == 0
        bill = json.loads(container.logs)
    assert bill["bomFormat"] == "CycloneDX"
    found = {component["name"]: component["version"] for component in bill["components"]}
    locked = dict(
        line.split(" ")[0].split("==")
        for line in (engine.REPOSITORY / "image" / "requirements.lock").read_text().splitlines()
        if line[:1].isalpha() and "win32" not in line and "< '3.11'" not in line
    )
    assert locked.items() <= {name.replace(".", "-"): v for name, v in found.items()}.items()
    assert {"dubhe-core", "dubhe-runtime", "dubhe-simulator", "dubhe-sdk"} <= found.keys()


def test_a_change_of_the_algorithm_rebuilds_its_last_layer_alone(
    docker_engine: docker.DockerClient, make_image: AlgorithmFactory, tmp_path: Path
) -> None:
    folder = write_algorithm(
        tmp_path / "algorithm", requirements_txt="\n", Dockerfile=DOCKERFILE_WITH_PACKAGES
    )
    first = layers(docker_engine, make_image(folder))
    (folder / "app.py").write_text(APP + "\n# changed\n")
    second = layers(docker_engine, make_image(folder))
    assert len(first) == len(second)
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]


MARK = b"# mark of a bundle that trusts the company's own proxy\n"
MIRROR = b"mark-of-a-mirror"


@pytest.fixture(scope="module")
def built_again(
    docker_engine: docker.DockerClient, base_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The base image once more, without the engine's cache, through a mirror and a bundle."""
    bundle = tmp_path_factory.mktemp("authorities") / "bundle.pem"
    bundle.write_bytes(MARK + engine.CA_BUNDLE.read_bytes())
    tag = "dubhe-test-base:again"
    locks = [f"-r{engine.REPOSITORY}/image/{name}.lock" for name in ("requirements", "tools")]
    with PackageMirror(*locks) as mirror:
        engine.build(
            tag,
            engine.REPOSITORY,
            arguments={
                "BASE_IMAGE": images.python_image(docker_engine),
                "PIP_INDEX_URL": f"{mirror.url}{MIRROR.decode()}/..",
            },
            options=["--no-cache"],
            bundle=bundle,
        )
    yield tag
    docker_engine.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def files_again(docker_engine: docker.DockerClient, built_again: str) -> dict[str, bytes]:
    """Its files by name."""
    return contents(docker_engine, built_again)


def test_neither_authorities_nor_mirrors_are_left_in_it(
    docker_engine: docker.DockerClient, built_again: str, files_again: dict[str, bytes]
) -> None:
    history = json.dumps(docker_engine.images.get(built_again).history())
    assert MIRROR.decode() not in history + json.dumps(attributes(docker_engine, built_again))
    assert [name for name, content in files_again.items() if MARK in content] == []
    assert [name for name, content in files_again.items() if MIRROR in content] == []
    assert len(files_again) > 1000


def test_the_same_checkout_gives_the_same_files(
    docker_engine: docker.DockerClient, base_image: str, files_again: dict[str, bytes]
) -> None:
    again, before = (
        {name: content for name, content in found.items() if name.startswith("opt/dubhe/")}
        for found in (files_again, contents(docker_engine, base_image))
    )
    assert again.keys() == before.keys()
    # Compiled caches differ in flags that depend on the compiler's memory, and mean the same.
    differing = [name for name in before if before[name] != again[name]]
    assert [name for name in differing if not name.endswith(".pyc")] == []


def test_a_base_without_python_gets_its_distributions(
    docker_engine: docker.DockerClient, tmp_path: Path
) -> None:
    python = images.python_image(docker_engine)
    bare, tag = "dubhe-test-bare:latest", "dubhe-test-base:bare"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {python}\nRUN rm -rf /usr/local/bin/* /usr/local/lib/python3* /usr/local/pyvenv.cfg"
        " && apt-get purge -y -qq 'python3*' && ! command -v python3\n"
    )
    engine.build(bare, tmp_path)
    try:
        engine.build(tag, engine.REPOSITORY, arguments={"BASE_IMAGE": bare})
        folder = write_algorithm(tmp_path / "algorithm")
        (folder / "Dockerfile").write_text(f"FROM {tag}\nCOPY . /app\n")
        image, _ = docker_engine.images.build(path=str(folder), rm=True)
        with Container(docker_engine, image.id, tmp_path / "temporary") as container:
            container.wait_reported("READY")
            container.train()
            container.wait_reported("END 200")
            assert container.stop() == 0
        docker_engine.images.remove(image.id, force=True)
    finally:
        for made in (tag, bare):
            docker_engine.images.remove(made, force=True)


def test_a_base_whose_python_is_too_old(docker_engine: docker.DockerClient, tmp_path: Path) -> None:
    python, old = images.python_image(docker_engine), "dubhe-test-old:latest"
    (tmp_path / "python3").write_text("#!/bin/sh\necho Python 3.8.10\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {python}\nRUN rm /usr/local/bin/python3\nCOPY python3 /usr/local/bin/python3\n"
    )
    engine.build(old, tmp_path)
    try:
        with pytest.raises(engine.EngineError, match=r"Python 3\.8\.10, expected 3\.10 or newer"):
            engine.build("dubhe-test-base:old", engine.REPOSITORY, arguments={"BASE_IMAGE": old})
    finally:
        docker_engine.images.remove(old, force=True)


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({"app_py": None, "run_sh": None}, 2, "there is no app.py in /app"),
        ({"run_sh": None}, 0, "READY"),
        ({"run_sh": "echo own; exit 7\n"}, 7, "own"),
    ],
    ids=["nothing", "no run.sh", "its own run.sh"],
)
def test_what_is_started(
    docker_engine: docker.DockerClient,
    make_image: AlgorithmFactory,
    tmp_path: Path,
    files: dict[str, str | None],
    status: int,
    words: str,
) -> None:
    image = make_image(write_algorithm(tmp_path / "algorithm", **files))
    with Container(docker_engine, image, protocol="tcp") as container:
        container.wait_logged(words)
        if words == "READY":
            assert container.ask({"req_type": 0})["flag"] == 1
            container.container.stop()
        assert container.wait() == status
