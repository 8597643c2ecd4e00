"""The files of containers and images."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator

import docker
from docker.models.containers import Container


def files(container: Container) -> Iterator[tuple[str, bytes]]:
    """Give the name and the content of every regular file of a container, its mounts left out."""
    with tempfile.TemporaryFile() as file:
        for chunk in container.export():
            file.write(chunk)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                reader = archive.extractfile(member) if member.isfile() else None
                if reader is not None:
                    yield member.name, reader.read()


def contents(client: docker.DockerClient, tag: str) -> dict[str, bytes]:
    """Return the regular files of an image by name."""
    container = client.containers.create(tag)
    try:
        return dict(files(container))
    finally:
        container.remove(force=True)
