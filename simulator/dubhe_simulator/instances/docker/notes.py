"""What is noted on a container, so that a later session of the platform can take it over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.instances.docker.spec import (
    HOST_NETWORK,
    INSTANCE_LABEL,
    KIND_LABEL,
    REPORTED_LABEL,
    RUN_LABEL,
    SPOOL_LABEL,
    ContainerSpec,
)


def spec_of(found: Mapping[str, Any]) -> ContainerSpec | None:
    """Return with what a container was made, as far as it matters once it is there.

    None if its labels are not those of an instance of the platform.

    Args:
        found: the container, as the engine describes it.
    """
    config, host = found["Config"], found["HostConfig"]
    labels: Mapping[str, str] = config["Labels"] or {}
    try:
        kind, run = TaskKind(labels[KIND_LABEL]), Path(labels[RUN_LABEL])
        instance_id, spool = labels[INSTANCE_LABEL], labels[SPOOL_LABEL]
        reported_before = int(labels[REPORTED_LABEL])
        environment = dict(each.partition("=")[::2] for each in config["Env"] or ())
        port = int(environment["PORT"])
    except (KeyError, ValueError):
        return None
    network = host["NetworkMode"]
    return ContainerSpec(
        config["Image"],
        kind,
        instance_id,
        run,
        name=found["Name"].lstrip("/"),
        user=config["User"],
        port=port if network == HOST_NETWORK else None,
        network=network if network in found["NetworkSettings"]["Networks"] else None,
        memory=str(host["Memory"]) if host["Memory"] else None,
        environment=environment,
        temporary=run,
        spool=Path(spool) if spool else None,
        reported_before=reported_before,
        published=bool(host["PortBindings"]),
    )
