"""What an algorithm's image tells about itself."""

from __future__ import annotations

import contextlib
import io
import shlex
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from dubhe_sdk.environment import PROTOCOLS
from dubhe_simulator.algorithm.layout import DEFAULT_PROTOCOL, exported_protocol
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.images import Image


DEFAULT_WORKDIR = "/app"


def find_image(client: DockerClient, name: str, folder: Path | None = None) -> Image:
    """Return an image of the engine's.

    Args:
        client: the engine's.
        name: the image's.
        folder: from which it is to be built, if that is known.

    Raises:
        EngineError: there is none.
    """
    from docker.errors import APIError, ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        advice = translate("run_pull_first", image=name)
        if folder is not None:
            advice = translate("run_build_first", folder=shlex.quote(str(folder)))
        raise EngineError(translate("run_no_image", image=name, advice=advice)) from None
    except APIError as error:
        raise EngineError(str(error.explanation or error)) from error


def workdir_of(image: Image) -> str:
    """Return an image's working directory: the algorithm's folder."""
    return image.attrs["Config"].get("WorkingDir") or DEFAULT_WORKDIR


def protocol_in(container: Container, workdir: str, otherwise: str = DEFAULT_PROTOCOL) -> str:
    """Return what the ``run.sh`` in a container exports.

    Args:
        container: one that exists; it need not run.
        workdir: the algorithm's folder in it.
        otherwise: for an image without ``run.sh``: the base's own one starts ``app.py``.
    """
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        chunks, _ = container.get_archive(f"{workdir}/run.sh")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            members = archive.getmembers()
            script = archive.extractfile(members[0]) if members else None
            if script is not None:
                otherwise = exported_protocol(script.read().decode(errors="replace"))
    return otherwise if otherwise in PROTOCOLS else DEFAULT_PROTOCOL
