"""Ultralytics YOLO: reports, results and model files of a training or an evaluation.

    from dubhe_sdk.integrations.ultralytics import DubheCallback

    model = YOLO("yolo11n.pt")
    DubheCallback(ctx).attach(model)
    model.train(data="data.yaml")

Detection, segmentation and classification; one process, or several GPUs by Ultralytics' own DDP.
To continue from the request's model, pass ``resume=True``::

    start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
    model = YOLO(start or "yolo11n.pt")
    DubheCallback(ctx).attach(model)
    model.train(data="data.yaml", resume=bool(start))
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from ultralytics.utils import RANK

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.integrations.model_files import keep_model
from dubhe_sdk.integrations.predictions import CONFIDENCE, report_class, report_shapes
from dubhe_sdk.integrations.training import Training
from dubhe_sdk.integrations.ultralytics_results import (
    found_shapes,
    in_order,
    report_results,
    true_polygons,
    true_shapes,
)

__all__ = ["DubheCallback", "report_results"]

_EVENTS = (
    *("on_pretrain_routine_start", "on_train_start", "on_train_epoch_start"),
    *("on_train_batch_end", "on_fit_epoch_end", "on_train_end", "teardown"),
    *("on_val_start", "on_val_batch_end", "on_val_end"),
)
_TASKS = ("detect", "segment", "pose", "classify")
"""Whose validations give results."""


class DubheCallback:
    """Reports a model's trainings and evaluations.

    | event | what is reported |
    |---|---|
    | batch | ``box_loss``, ``cls_loss``, … of the batch |
    | epoch | ``train/…``, ``val/…``, ``metrics/…`` and ``lr/…`` |
    | final validation, `model.val` | each image, with truth and prediction |
    | end | a model file in the output folder; progress 1 |
    | stop | ``last.pt`` at once, as a model file too; `dubhe_sdk.TaskStopped` |

    Runs go below the output folder unless ``project`` says otherwise.

    Args:
        ctx: the task's context; None: that of the running task.
        model: whose weights become the model file: ``best`` or ``last``. It is named by the last
            epoch, because the platform takes that for the best model.
        confidence: from which on a prediction is reported, from 0 to 1.
    """

    def __init__(
        self,
        ctx: Context | None = None,
        *,
        model: Literal["best", "last"] = "best",
        confidence: float = CONFIDENCE,
    ) -> None:
        self._training = Training(ctx)
        self._model = model
        self._confidence = confidence
        self._trainer: Any = None  # while one trains
        self._epoch = 0
        self._batch = 0
        self._batches = 0  # of the epoch
        self._validated = False
        self._paths: Iterator[str] = iter(())
        self._polygons: dict[str, dict[str, Any]] = {}  # labels by the paths of images
        self._loss: dict[str, float] = {}  # of the weights that are the best, and the last

    def __getstate__(self) -> dict[str, Any]:
        # To start its ranks, Ultralytics pickles its callbacks.
        return {**self.__dict__, "_trainer": None, "_paths": iter(()), "_polygons": {}}

    def attach(self, model: Any) -> Any:
        """Add it to a model; return the model.

        Args:
            model: a ``YOLO``, or another model of Ultralytics'.
        """
        output = Path(self._training.ctx.get(ContextKey.KEY_OUTPUT_DIR)).absolute()
        model.overrides.setdefault("project", str(output))
        for event in _EVENTS:
            model.add_callback(event, getattr(self, event))
        return model

    # --- training ------------------------------------------------------------------------------

    def on_pretrain_routine_start(self, trainer: Any) -> None:
        """Have the process that starts ranks wait for them at a stop, and then leave itself.

        No callback is called there. It waits in `subprocess.run`, which would kill the launcher of
        the ranks if `TaskStopped` were raised: the launcher tells the ranks, and they save.
        """
        train: Callable[[], None] = trainer.train
        training = self._training

        def train_in_ranks() -> None:
            del trainer.train  # this function, which refers to the trainer
            if not trainer.ddp:
                return train()
            training.begin(None)
            try:
                train()
            except subprocess.CalledProcessError:  # ranks that have left look like a failure
                if not training.stopping:
                    raise
            finally:
                training.release()
            if training.stopping:  # in whatever way the ranks have ended: the model may be cut off
                training.leave()
            training.progress.end(stopped=False)  # the first rank has reported it

        trainer.train = train_in_ranks

    def on_train_start(self, trainer: Any) -> None:
        """Begin, in every rank."""
        self._trainer = trainer
        if not trainer.resume:
            self._training.continue_epochs()
        rank, ranks = max(0, RANK), max(1, trainer.world_size)
        first = trainer.start_epoch
        self._training.begin(trainer.epochs, first_epoch=first, rank=rank, ranks=ranks)

    def on_train_epoch_start(self, trainer: Any) -> None:
        """Count batches from 0: the trainer has no number of them. An epoch may be repeated."""
        self._epoch, self._batch, self._validated = trainer.epoch, 0, False
        self._batches = len(trainer.train_loader)  # asks three objects, one behind the other

    def on_train_batch_end(self, trainer: Any) -> None:
        """Report the batch's losses."""
        training, losses = self._training, trainer.loss_items
        if not isinstance(losses, dict):
            losses = dict(zip(trainer.loss_names, losses, strict=True))
        training.batch(trainer.epoch, self._batch, self._batches, losses)
        self._batch += 1
        if training.ends_here:
            self._stop(trainer, complete=False)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report the epoch's metrics."""
        if trainer.epoch != self._epoch:
            return  # the final validation, of a model that was validated before
        losses = trainer.label_loss_items(trainer.tloss)
        validated = trainer.metrics if self._validated else {}
        self._training.progress.set_epochs(trainer.epochs)  # `time=` changes them
        self._training.epoch(trainer.epoch, {**losses, **validated, **trainer.lr})
        if self._training.reports:
            self._note_loss(trainer, losses, validated)
        if not _is_last(trainer) and self._training.ends_here:
            self._stop(trainer, complete=True)

    def _note_loss(self, trainer: Any, losses: dict[str, Any], validated: dict[str, Any]) -> None:
        val = {name: value for name, value in validated.items() if name.startswith("val/")}
        loss = float(sum((val or losses).values()))
        self._loss["last"] = loss
        if trainer.fitness == trainer.best_fitness:
            self._loss["best"] = loss

    def on_train_end(self, trainer: Any) -> None:
        """Leave the model file, and report the end. Ultralytics calls it in the first rank."""
        self._keep(trainer, self._model)
        self._training.end()

    def teardown(self, trainer: Any) -> None:
        """Let a stop be an exception again, however the training ended."""
        self._trainer = None
        self._training.release()

    def _stop(self, trainer: Any, *, complete: bool) -> None:
        """Save what can be resumed, and leave.

        Ultralytics' own way to stop validates twice and removes the optimizer from its
        checkpoints: too long for a stop, and nothing could be resumed.
        """
        if RANK in (-1, 0):
            epoch, fitness = trainer.epoch, trainer.fitness
            # Of an epoch that was cut off nothing counts as done: it is repeated. So is the last
            # one in its validation, because a training without one left cannot be resumed.
            complete = complete and not _is_last(trainer)
            trainer.epoch, trainer.fitness = epoch if complete else epoch - 1, None
            names = ["yaml", "nc", "args", "names", "stride", "class_weights"]
            trainer.ema.update_attr(trainer.model, include=names)
            trainer.save_model()
            trainer.epoch, trainer.fitness = epoch, fitness
            self._keep(trainer, "last")
        self._training.leave()

    def _keep(self, trainer: Any, which: str) -> None:
        files = {"best": trainer.best, "last": trainer.last}
        source = files[which] if files[which].exists() else trainer.last
        if source.exists():
            epoch = self._epoch + self._training.epoch_offset
            keep_model(self._training.ctx, source, epoch, self._loss.get(which, 0.0))

    # --- validation ----------------------------------------------------------------------------

    def on_val_start(self, validator: Any) -> None:
        """Have the predictions of a final validation, or of `model.val`, reported."""
        if validator.training or validator.args.task not in _TASKS:
            return
        if validator.args.task == "classify":
            self._paths = in_order(validator)
        self._polygons = true_polygons(validator)
        update: Callable[..., Any] = type(validator).update_metrics

        def update_and_report(preds: Any, batch: dict[str, Any]) -> None:
            self._report(validator, preds, batch)  # first: the update may change them
            update(validator, preds, batch)

        validator.update_metrics = update_and_report

    def on_val_batch_end(self, validator: Any) -> None:
        """Report the progress of `model.val`; take note of a stop."""
        if self._trainer is None:
            self._training.evaluation(validator.batch_i + 1, len(validator.dataloader))
        elif validator.training:
            # Several ranks have unequal parts of the images: they end after the validation.
            if RANK == -1 and self._training.stopping:
                self._stop(self._trainer, complete=True)
        elif self._training.stopping:
            self._keep(self._trainer, self._model)  # the training was complete
            self._training.leave()

    def on_val_end(self, validator: Any) -> None:
        """Report the metrics of `model.val`. Ultralytics calls it in the first rank."""
        self._validated = validator.training
        if not validator.training:
            vars(validator).pop("update_metrics", None)
        if self._trainer is None:
            self._training.evaluated(self._epoch, validator.metrics.results_dict)

    def _report(self, validator: Any, preds: Any, batch: dict[str, Any]) -> None:
        ctx, names = self._training.ctx, validator.names
        if validator.args.task == "classify":
            for truth, shares in zip(batch["cls"], preds, strict=True):
                path, best = next(self._paths), int(shares.argmax())
                report_class(ctx, path, names[int(truth)], names[best], float(shares[best]))
            return
        for index, pred in enumerate(preds):
            path = batch["im_file"][index]
            found = found_shapes(pred, batch, index, names, self._confidence)
            truth = true_shapes(batch, index, names, self._polygons.get(path))
            report_shapes(ctx, path, truth, found)


def _is_last(trainer: Any) -> bool:
    """Return whether the trainer's epoch is the last one."""
    return bool(trainer.epoch + 1 >= trainer.epochs)
