"""``dubhe run`` as a process, and what it leaves in its folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker

from dubhe_simulator.instances.docker.spec import RUN_LABEL
from tests.dubhe_simulator.instances.docker.support import start
from tests.support.journal import read_journal, says

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def containers(client: docker.DockerClient, runs: Path) -> list[docker.models.containers.Container]:
    every = client.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True)
    return [one for one in every if one.labels[RUN_LABEL].startswith(f"{runs}/")]


@contextlib.contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run ``dubhe run`` while the block lasts."""
    with start("run", *arguments) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def address(said: str) -> tuple[str, int]:
    found = re.search(r"Ready after [\d.]+ s at (http|tcp)://127\.0\.0\.1:(\d+)", said)
    assert found, said
    return found[1], int(found[2])


def ask_as_told(said: str) -> dict[str, object]:
    """Send the request by the very command that was shown."""
    [line] = re.findall(r"^  request:  (.*)$", said, re.MULTILINE)
    command = shlex.split(line)
    assert shutil.which(command[0])
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(json.loads(done.stdout))


def run_folder(runs: Path) -> Path:
    [folder] = runs.iterdir()
    return folder


def end(process: subprocess.Popen[str], signum: int = signal.SIGINT) -> tuple[int, str]:
    process.send_signal(signum)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out


def words(runs: Path) -> list[str]:
    return [says(message) for message in read_journal(run_folder(runs) / "temporary" / "journal")]
