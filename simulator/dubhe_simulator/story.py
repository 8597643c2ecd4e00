"""The story: train, evaluate the model that came out, then have a few images recognised."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import Dataset
from dubhe_simulator.contract import payloads
from dubhe_simulator.contract.model_files import best, model_files
from dubhe_simulator.contract.predictions import Prediction
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.stage import RunConfig, Stage, StageReport
from dubhe_simulator.terminal.view import View


@dataclass
class StoryReport:
    """What there is to tell afterwards.

    Attributes:
        setting: how it was played.
        model: the best model.
        stages: what became of each stage, by kind.
        answer: what the inference returned.
        seconds: how long it took altogether.
    """

    config: RunConfig
    model: Path | None = None
    stages: dict[TaskKind, StageReport] = field(default_factory=dict)
    answer: Any = None
    seconds: float = 0.0

    def predictions(self, kind: TaskKind) -> list[Prediction]:
        """Return the results that a stage reported."""
        stage = self.stages.get(kind)
        return stage.predictions if stage else []


def play(config: RunConfig, dataset: Dataset, images: int, view: View) -> StoryReport:
    """Play it, as far as the site has the kinds of task for it.

    Args:
        setting: the algorithm, where to run it, and how.
        dataset: the images.
        images: how many to have recognised at the end.
        view: whom to tell.

    Raises:
        TaskFailed: something did not happen that had to.
        CannotPlay: Kafka cannot be reached.
        Stopped: a signal arrived. Nothing is left running.
    """
    begun = time.monotonic()
    report = StoryReport(config)
    kinds = config.backend.kinds
    if TaskKind.TRAIN in kinds:
        model = report.model = _train(config, dataset, view, report)
    else:
        model = report.model = _trained(config)
    if TaskKind.EVALUATE in kinds:
        with Stage(config, TaskKind.EVALUATE, view, model) as stage:
            stage.task(payloads.evaluate(stage.instance.id, dataset, config.special_params))
            report.stages[TaskKind.EVALUATE] = stage.stop()
    if TaskKind.INFER in kinds:
        with Stage(config, TaskKind.INFER, view, model) as stage:
            names = dataset.examples(images)
            body = payloads.infer(stage.instance.id, dataset, names, 1, config.special_params)
            report.answer = stage.infer(body)
            report.stages[TaskKind.INFER] = stage.stop()
    report.seconds = time.monotonic() - begun
    return report


def new_run_folder(runs: Path) -> Path:
    """Make and return a folder named by the time."""
    while True:
        folder = runs.absolute() / datetime.now().strftime("%Y%m%d%H%M%S")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            time.sleep(0.1)  # another run began in the same second
        else:
            return folder


def _train(config: RunConfig, dataset: Dataset, view: View, report: StoryReport) -> Path:
    models = config.backend.models
    before = model_files(models)
    with Stage(config, TaskKind.TRAIN, view) as stage:
        stage.task(payloads.train(stage.instance.id, dataset, config.special_params))
        report.stages[TaskKind.TRAIN] = stage.stop()
        logs = stage.instance.logs
    model = best(model_files(models) - before)
    if model is None:
        raise TaskFailed(translate("no_model", folder=models), logs)
    return model


def _trained(config: RunConfig) -> Path:
    """Return the best model of former trainings."""
    models = config.backend.models
    model = best(model_files(models))
    if model is None:
        raise TaskFailed(translate("no_former_model", folder=models))
    return model
