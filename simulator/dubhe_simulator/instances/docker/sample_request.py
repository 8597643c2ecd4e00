"""The request that a started instance waits for, ready to be sent."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import Dataset, read_dataset
from dubhe_simulator.instances.local import HOST

IMAGES = 3
NOWHERE = Path("/path/to/images")


def sample_body(kind: TaskKind, instance_id: str, data: Path | None) -> dict[str, Any]:
    """Return a request as the platform would send it for this data; without any, an example."""
    folder = data or NOWHERE
    dataset = read_dataset(folder) if folder.is_dir() else Dataset(folder, None, folder)
    body = dataset.request(kind, instance_id, images=IMAGES)
    if body.get("image_names") == [] and not folder.is_dir():
        body["image_names"] = ["1.png"]
    return body


def write_sample(path: Path, body: dict[str, Any]) -> None:
    """Write a request to a file.

    Raises:
        OSError: it cannot be written.
    """
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def send_line(kind: TaskKind, protocol: str, port: int, path: Path) -> str:
    """Return the shell command that sends a request from a file."""
    url = f"{protocol}://{HOST}:{port}"
    return shlex.join(["dubhe", "send", kind.value, url, "--body", str(path)])
