"""A platform whose instances run in pods of a real cluster, and an algorithm for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.dubhe_simulator.ui import Ui
from tests.kubernetes.fixtures import TestCluster
from tests.support.waiting import wait_for

APP = """
import time
from pathlib import Path

import dubhe_sdk


@dubhe_sdk.pipeline()
class Net:
    def __init__(self, ctx):
        self.taken = []
        self.filler = Path("/tmp/filler")

    @dubhe_sdk.train()
    def train(self, ctx):
        given = ctx.get("special_params") or {}
        epochs = given.get("epochs", 100_000)
        models = Path("output/models")
        models.mkdir(parents=True, exist_ok=True)
        epoch = 0
        try:
            for epoch in range(1, epochs + 1):
                if given.get("eat"):
                    self.taken.append(b"x" * (32 << 20))
                if given.get("fill") and epoch < 10:
                    with self.filler.open("ab") as file:
                        file.write(b"x" * (8 << 20))
                for line in range(given.get("lines", 0)):
                    print(f"line {epoch:04d} {line:04d} {'.' * 85}", flush=True)
                ctx.logProgressByEpoch(epoch, epoch / epochs, {"loss": 1 / epoch})
                time.sleep(0.05)
        except dubhe_sdk.TaskStopped:
            (models / "checkpoint.pth").write_text(str(epoch))
            raise
        (models / f"model_20260101000000000_{epoch}_0.10.pth").write_text("weights")

    @dubhe_sdk.predict()
    def predict(self, ctx):
        assert Path(ctx.get("model_path")).read_text() == "weights"
        ctx.logResultDetails("1.png", "a", "a", 0.9)
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return [{"img_path": "1.png", "model": Path(ctx.get("model_path")).name}]
"""


class Place:
    """A platform's folder, and a namespace for its pods."""

    def __init__(self, cluster: TestCluster, namespace: str, folder: Path, algorithm: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.runs = folder / "runs"
        self.output = folder / "output"
        self.algorithm = algorithm
        self.options: tuple[object, ...] = (
            *("--on", "kubernetes", "--namespace", namespace, "--image", f"{algorithm.name}:1"),
            *("--name", "net", "--output-dir", self.output),
        )
        self.volume: tuple[object, ...] = ("--volume", f"{folder}={folder}")
        self.environment = {"KUBECONFIG": str(cluster.kubeconfig), "LC_ALL": "C.UTF-8"}

    def ui(self, *options: object, **environment: str) -> Ui:
        env = {**self.environment, **environment}
        return Ui(self.runs, self.algorithm, *self.options, *self.volume, *options, **env)

    def pod(self) -> Any:
        """Return its only pod."""
        [pod] = self.pods()
        return pod

    def pods(self) -> list[Any]:
        return self.cluster.pods(self.namespace)

    def wait_until_empty(self) -> None:
        """Wait for the end of all pods: the kubelet removes one a moment after its end."""
        wait_for(lambda: self.pods() == [], lambda: f"left: {[p.metadata for p in self.pods()]}")

    def messages(self, name: str) -> list[dict[str, Any]]:
        """What the journal of a run has of an instance."""
        [journal] = self.runs.glob("*/train/journal/*.jsonl")
        values = [json.loads(line)["value"] for line in journal.read_text().splitlines()]
        return [value for value in values if value["instance_id"] == name]


def start_training(ui: Ui, **params: object) -> str:
    """Start a training; return its instance once it goes on."""
    ui.post("workflow/train", special_params=params)
    state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"], 90)
    return str(state["instances"][0]["id"])


def reason(ui: Ui, word: str, kind: str = "train") -> str:
    """Start an instance; return what is said of it once that has a word."""
    name = ui.post("start", kind=kind)["instance"]
    wait_for(lambda: word in ui.instance(name)["reason"], lambda: str(ui.instance(name)))
    return str(ui.instance(name)["reason"])
