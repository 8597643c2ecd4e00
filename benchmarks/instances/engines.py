"""How long an instance takes from the request of the page to its READY there."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import ContestantFailed
from tests.docker import engine, images
from tests.dubhe_simulator.instances.docker.support import dubhe
from tests.dubhe_simulator.ui import Ui
from tests.kubernetes.own import OWN, PROGRAM

ENGINES = ("process", "docker", "kubernetes")
TIMEOUT_S = 120.0
_APP = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Nothing:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgress(1.0)
"""


@contextmanager
def platform(kind: str, folder: Path) -> Iterator[Ui]:
    """Yield a platform that starts its instances there; the image, if any, is present.

    Args:
        kind: of `ENGINES`.
        folder: of the platform.

    Raises:
        ContestantFailed: there is no such engine here, or the image cannot be made.
    """
    algorithm = folder / f"bench-{uuid.uuid4().hex[:8]}"
    algorithm.mkdir(parents=True)
    (algorithm / "app.py").write_text(_APP)
    (algorithm / "run.sh").write_text('export protocol="http"\npython3 -u app.py\n')
    (algorithm / "Dockerfile").write_text("FROM dubhe-base\nCOPY . /app\n")
    if kind == "process":
        with Ui(folder / "runs", algorithm) as ui:
            yield ui
        return
    with _image(algorithm) as image:
        options: list[object] = ["--on", kind, "--image", image]
        env = {}
        if kind == "kubernetes":
            if not OWN.exists():
                raise ContestantFailed(f"no cluster: start one by {PROGRAM} start")
            subprocess.run([PROGRAM, "load", image], check=True)
            env["KUBECONFIG"] = str(OWN)
            options += ["--volume", f"{folder}={folder}", "--output-dir", folder / "output"]
        with Ui(folder / "runs", algorithm, *options, **env) as ui:
            yield ui


def ready_seconds(ui: Ui) -> float:
    """Start an instance; return the time to its READY on the page; end it again.

    Raises:
        ContestantFailed: it does not become ready.
    """
    events = ui.events(ui.get("state")["cursor"])
    begun = time.monotonic()
    name = ui.post("start", kind="train")["instance"]
    for _, _, data in events:
        taken = time.monotonic() - begun
        if '"ready"' in json.dumps(data) and _state(ui, name) == "ready":
            ui.post("stop", instance=name)
            return taken
        if taken > TIMEOUT_S:
            break
    raise ContestantFailed(f"not ready within {TIMEOUT_S:g} s: {ui.instance(name)}")


def _state(ui: Ui, name: str) -> str:
    return str(ui.instance(name)["state"])


@contextmanager
def _image(algorithm: Path) -> Iterator[str]:
    client = engine.connect()
    if client is None:
        raise ContestantFailed("no Docker engine answers: start one by tests/docker/engine start")
    if not images.exists(client, images.BASE_IMAGE):
        try:
            images.base_image(client)
        except engine.EngineError as error:
            raise ContestantFailed(f"{images.BASE_IMAGE} cannot be built: {error}") from error
    tag = f"{algorithm.name}:1"
    done = dubhe("build", algorithm, "--tag", tag)
    if done.returncode != 0:
        raise ContestantFailed(done.stdout[-1000:])
    try:
        yield tag
    finally:
        client.images.remove(tag, force=True)
        client.close()
