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
# An image inherits the labels of its base: this one tells the base's commit from its own.
_BASE_REVISION = "dubhe.base.revision"


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
    labels = config.get("Labels") or {}
    commit = labels.get(_REVISION, "")
    if commit == labels.get(_BASE_REVISION):
        commit = ""
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
