"""With what a container runs, as its engine describes it. Nothing is asked in the container."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from dubhe_simulator.instances.provenance.environment import relevant
from dubhe_simulator.instances.provenance.record import (
    ContainerImage,
    Host,
    Provenance,
    Revision,
)

# https://github.com/opencontainers/image-spec/blob/main/annotations.md
_REVISION = "org.opencontainers.image.revision"


def container_provenance(
    container: Mapping[str, Any], image: Mapping[str, Any], info: Mapping[str, Any]
) -> Provenance:
    """Return with what a container runs.

    Args:
        container: as the engine describes it.
        image: its image, likewise.
        info: what the engine says of itself.
    """
    config = container["Config"]
    environment = dict(each.partition("=")[::2] for each in config["Env"] or ())
    commit = (config.get("Labels") or {}).get(_REVISION, "")
    digests = image.get("RepoDigests") or ()
    system = " ".join(filter(None, (info.get("OperatingSystem"), info.get("KernelVersion"))))
    return Provenance(
        shlex.join([container["Path"], *container["Args"]]),
        config.get("WorkingDir") or "/",
        Host(info.get("Name", ""), system, info.get("NCPU", 0), info.get("MemTotal", 0)),
        # Those alone whose meaning is known: what else somebody gave it may be private.
        relevant(environment, environment),
        Revision(commit, "") if commit else None,
        image=ContainerImage(config["Image"], container["Image"], next(iter(digests), "")),
    )
