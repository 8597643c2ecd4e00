"""The data directory of a new broker with KRaft.

Kafka's own tool formats it, which takes a JVM and two seconds of processor time. What it writes are
two small files that depend on the release, the cluster and the node alone, so that it runs once
for these in each process, and what it wrote is copied from then on.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.kafka.jars import HarnessError
from tests.kafka.releases import Release

TIMEOUT_S = 60.0
_TOOL = ("kafka.tools.StorageTool", "format", "--ignore-formatted")
_formatted: dict[tuple[Release, str, str], dict[Path, bytes]] = {}


def create(
    directory: Path,
    java: Sequence[str],
    settings: Path,
    release: Release,
    cluster_id: str,
    node_id: str,
) -> None:
    """Create and format it.

    Args:
        directory: what ``log.dirs`` in the settings names; it does not exist.
        java: what a command begins with, up to the class path.
        settings: the broker's ``server.properties``.
        release: which Kafka it is for.
        cluster_id: of the cluster.
        node_id: as in the settings.

    Raises:
        HarnessError: the tool failed; its output stands in the text.
    """
    key = (release, cluster_id, node_id)
    if key not in _formatted:
        _format(java, settings, cluster_id)
        files = (path for path in directory.rglob("*") if path.is_file())
        _formatted[key] = {path.relative_to(directory): path.read_bytes() for path in files}
        return
    for name, content in _formatted[key].items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _format(java: Sequence[str], settings: Path, cluster_id: str) -> None:
    done = subprocess.run(
        [*java, *_TOOL, "--cluster-id", cluster_id, "--config", os.fspath(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise HarnessError(f"the broker's storage was not formatted:\n{done.stdout[-3000:]}")
