"""Compose projects with the stand-ins of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from tests.compose.project import Project
from tests.docker import images, kafka_image
from tests.docker.mirror import PackageMirror

MakeProject = Callable[..., Project]


@pytest.fixture(scope="session")
def index_url() -> Iterator[str]:
    """A package index with what ``examples/digits`` needs."""
    with PackageMirror("scikit-learn>=1.3", "pillow>=10.1") as mirror:
        yield mirror.url


@pytest.fixture
def make_project(
    docker_engine: docker.DockerClient, base_image: str, index_url: str, tmp_path: Path
) -> Iterator[MakeProject]:
    """Make projects; whatever happens, nothing of them stays."""
    given = {
        "BASE_IMAGE": images.python_image(docker_engine),
        "KAFKA_IMAGE": kafka_image.kafka_image(docker_engine),
        "TESTS_INDEX_URL": index_url,
    }
    with ExitStack() as stack:

        def make(**environment: str) -> Project:
            tools = tmp_path / "tools"
            return stack.enter_context(Project(docker_engine, tools, {**given, **environment}))

        yield make
