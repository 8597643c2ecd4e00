"""Fixtures around the Docker engine; the top-level ``conftest.py`` loads them for all tests."""

from __future__ import annotations

import docker
import pytest

from tests.docker import engine, images


@pytest.fixture(scope="session")
def docker_engine() -> docker.DockerClient:
    """A client of the Docker engine."""
    client = engine.connect()
    if client is None:
        pytest.skip("no Docker engine answers; `tests/docker/engine start` starts one")
    return client


@pytest.fixture(scope="session")
def base_image(docker_engine: docker.DockerClient) -> str:
    """``dubhe-base``, built from this checkout."""
    return images.base_image(docker_engine)
