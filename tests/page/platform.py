"""The real `dubhe ui` in processes of its own."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.environ import clean_environ
from tests.support.processes import Marked
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
IMAGE_SIZE = (100, 80)
IMAGE_COLOUR = (200, 200, 200)
IMAGES = 4


class Platform:
    """Starts when it is made; `close` ends it and whatever it has started."""

    def __init__(self, runs: Path, *arguments: str | Path, port: int = 0) -> None:
        self.runs = runs
        self.marked = Marked()
        self._output = runs.parent / f"{runs.name}.out"
        self._command = [
            sys.executable, Path(sys.executable).with_name("dubhe"), "ui", *map(str, arguments),
            "--runs-dir", str(runs), "--no-open", "--port",
        ]  # fmt: skip
        self.start(port)

    def start(self, port: int) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self._command, str(port)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean_environ(PATH=path, LC_ALL="C.UTF-8", **self.marked.env),
                start_new_session=True,
            )
        self.url = wait_for(self._address, self._output.read_text)
        self.port = int(self.url.rsplit(":", 1)[1])

    def _address(self) -> str | None:
        text = self._output.read_text()
        assert self.process.poll() is None, text
        found = re.search(r"http://[\d.]+:\d+", text)
        return found and found[0]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/{path}", timeout=10) as reply:
            return json.load(reply)

    def post(self, path: str, **body: Any) -> Any:
        headers = {"Content-Type": "application/json", "X-Dubhe": "1"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def wait_workflow(self, state: str = "done", timeout: float = 60) -> None:
        """Wait until the steps that were asked for are over."""

        def over() -> bool:
            flow = self.get("state")["workflow"]
            assert flow is None or flow["state"] in ("running", state), flow
            return flow is not None and flow["state"] == state

        wait_for(over, f"a flow that is {state}", timeout)

    def kill(self) -> None:
        """End the server, and nothing else, as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.marked.kill()
            self.process.wait()


class Service:
    """An instance that no platform has started."""

    def __init__(self, folder: Path, temporary: Path, port: int, instance: str) -> None:
        self.folder = folder
        self.temporary = temporary
        self.port = port
        self.marked = Marked()
        temporary.mkdir()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.process = subprocess.Popen(
            ["bash", "run.sh"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environ(
                PATH=path,
                PORT=str(port),
                INSTANCE_ID=instance,
                DUBHE_TEMPORARY=str(temporary),
                **self.marked.env,
            ),
        )

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.marked.kill()
            self.process.wait()


def make_algorithm(folder: Path) -> Path:
    """Copy the algorithm of these tests and make images for it."""
    shutil.copytree(Path(__file__).parent / "algorithm", folder)
    for part in ("train", "val", "test"):
        (folder / "data" / part / "dent").mkdir(parents=True)
        for number in range(IMAGES):
            path = folder / "data" / part / "dent" / f"{number}.png"
            Image.new("RGB", IMAGE_SIZE, IMAGE_COLOUR).save(path)
    return folder


def make_example(name: str, parent: Path) -> Path:
    """Copy one of the project's examples into a folder and make its images."""
    source, folder = ROOT / "examples" / name, parent / name
    left_by_others = shutil.ignore_patterns("data", "output", "runs", "temporary")
    shutil.copytree(source, folder, ignore=left_by_others)
    sys.path.insert(0, str(source))
    try:
        runpy.run_path(str(source / "prepare.py"))["prepare"](folder / "data")
    finally:
        sys.path.remove(str(source))
    return folder
