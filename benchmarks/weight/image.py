"""What `dubhe-base` adds to its base, if an engine has both: docs/en/image.md, section 2."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import ContestantFailed

IMAGE = "dubhe-base"
_HOW = "docs/en/image.md has the figure and how to get it"


@dataclass(frozen=True)
class Added:
    """How much larger the image is than its base."""

    size: int
    """Bytes."""
    base: str
    created: str
    """Of the image: it is the engine's latest, which may be older than this checkout."""


def added() -> Added:
    """Compare the engine's image with the tagged image that its layers begin with.

    Raises:
        ContestantFailed: there is no engine, or it does not have both.
    """
    if shutil.which("docker") is None:
        raise ContestantFailed(f"no docker command; {_HOW}")
    listed = _docker("image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=false")
    images = json.loads(_docker("image", "inspect", *set(listed.split()))) if listed else []
    ours = next((image for image in images if f"{IMAGE}:latest" in image["RepoTags"]), None)
    if ours is None:
        raise ContestantFailed(f"the engine has no {IMAGE}; {_HOW}")
    layers = _layers(ours)
    below = [
        image
        for image in images
        if len(_layers(image)) < len(layers) and layers[: len(_layers(image))] == _layers(image)
    ]
    if not below:
        raise ContestantFailed(f"the engine does not have the base of {IMAGE}; {_HOW}")
    base = max(below, key=lambda image: len(_layers(image)))
    return Added(ours["Size"] - base["Size"], base["RepoTags"][0], ours["Created"][:16])


def _layers(image: dict[str, Any]) -> list[str]:
    return list(image["RootFS"]["Layers"])


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        said = " ".join(done.stderr.strip().splitlines()[-1:])
        raise ContestantFailed(f"docker {arguments[0]} {arguments[1]}: {said}; {_HOW}")
    return done.stdout
