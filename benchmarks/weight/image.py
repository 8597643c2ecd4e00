"""What `dubhe-base` adds to its base, if an engine has both: docs/image.md, section 2."""

from __future__ import annotations

import shutil
import subprocess

from benchmarks.processes import ContestantFailed

IMAGE = "dubhe-base"


def added_bytes() -> int:
    """Return how many bytes the image is larger than what it was built from.

    Raises:
        ContestantFailed: there is no engine, or it does not have the image.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise ContestantFailed("no docker command; docs/image.md has the figure and how to get it")
    command = [docker, "history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", IMAGE]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:]
        raise ContestantFailed(f"{' '.join(said)}; build it first: docker build -t {IMAGE} .")
    added = 0
    for line in done.stdout.splitlines():  # the newest layer first
        size, words = line.split(" ", 1)
        added += int(size)
        if "BASE_IMAGE" in words:
            return added
    raise ContestantFailed(
        f"the history of {IMAGE} does not show where its base ends; see docs/image.md"
    )
