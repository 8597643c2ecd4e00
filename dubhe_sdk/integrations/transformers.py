"""Hugging Face Transformers: reports, results and model files of a `Trainer`.

    from dubhe_sdk.integrations.transformers import DubheCallback

    trainer = Trainer(model, arguments, train_dataset=data, callbacks=[DubheCallback(ctx)])
    trainer.train()

The model file is the folder of a checkpoint as one ZIP archive; `unpack_model` makes it a folder
again, for ``from_pretrained``, or to resume after a stop::

    start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
    trainer.train(resume_from_checkpoint=unpack_model(start, folder) if start else None)
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import TrainerCallback

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.masks import masked_shape, report_regions
from dubhe_sdk.integrations.model_files import keep_model
from dubhe_sdk.integrations.predictions import CONFIDENCE, Shape, report_class, report_shapes
from dubhe_sdk.integrations.training import Training


class DubheCallback(TrainerCallback):  # type: ignore[misc] # Transformers is not there to be checked
    """Reports a trainer's trainings.

    | event | what is reported |
    |---|---|
    | optimizer's step | progress |
    | log, evaluation | ``loss``, ``grad_norm``, ``learning_rate``, ``eval_…``: what it logs |
    | end | the model as a model file; progress 1 |
    | stop | a checkpoint at once, as a model file; `dubhe_sdk.TaskStopped` |

    A stop in an evaluation of one process leaves it out; several ranks end after it. The model file
    is what the trainer holds at the end: the best one with
    ``load_best_model_at_end``, otherwise the last. How often it logs is ``logging_steps``.

    Args:
        ctx: the task's context; None: that of the running task.
    """

    def __init__(self, ctx: Context | None = None) -> None:
        self._training = Training(ctx)
        self._loss = 0.0
        self._trains = False
        self._ended = False  # by a stop

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin, in every rank."""
        self._trains, self._ended = True, False
        rank, ranks = args.process_index, args.world_size
        self._training.begin(None, rank=rank, ranks=ranks)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report the progress; have the trainer save and end after a stop."""
        self._training.step(_epoch(state), state.global_step, state.max_steps)
        if self._training.ends_here:
            self._ended = True
            control.should_training_stop = control.should_save = True
            control.should_evaluate = False

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave out what comes at an epoch's end: after a stop it was cut off, and is saved."""
        if self._ended:
            control.should_evaluate = control.should_save = False

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Pack the checkpoint of a stop: the trainer may remove it before the training's end."""
        if self._ended:
            if args.world_size > 1:
                PartialState().wait_for_everyone()  # each rank writes a part of it
            if state.is_world_process_zero:
                self._pack(Path(args.output_dir, f"checkpoint-{state.global_step}"), state)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save and leave after a stop in an evaluation of the training.

        Several ranks have unequal parts of the data: they end after it.
        """
        if self._trains and args.world_size == 1 and self._training.stopping:
            with tempfile.TemporaryDirectory() as folder:
                _save_checkpoint(folder, state, kwargs)
                self._pack(Path(folder), state)
            self._training.leave()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Report what is logged."""
        loss = (logs or {}).get("eval_loss", (logs or {}).get("loss"))
        self._loss = self._loss if loss is None else loss
        place = _place(state) if "loss" in (logs or {}) else None  # evaluations are of an epoch
        self._training.metrics(_epoch(state), logs or {}, place)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave the model file, and report the end; after a stop leave the training."""
        self._trains = False
        if self._ended:
            self._training.leave()
        if state.is_world_process_zero:
            self._pack_model(kwargs, state)
        self._training.end()

    def _pack_model(self, kwargs: Mapping[str, Any], state: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _save_pretrained(folder, kwargs)
            if any(Path(folder).iterdir()):
                self._pack(Path(folder), state)

    def _pack(self, folder: Path, state: Any) -> None:
        with tempfile.TemporaryDirectory() as place:
            archive = shutil.make_archive(str(Path(place, "model")), "zip", folder)
            keep_model(self._training.ctx, archive, _epoch(state), self._loss)


def _save_pretrained(folder: str, parts: Mapping[str, Any]) -> None:
    for part in (parts.get("model"), parts.get("processing_class")):
        if part is not None and hasattr(part, "save_pretrained"):
            part.save_pretrained(folder)


def _save_checkpoint(folder: str, state: Any, parts: Mapping[str, Any]) -> None:
    """Write what a trainer resumes from: within an evaluation it cannot be asked to save.

    The states of random generators are not in it; the order of the data does not depend on them.
    """
    _save_pretrained(folder, parts)
    for name, file in (("optimizer", "optimizer.pt"), ("lr_scheduler", "scheduler.pt")):
        torch.save(parts[name].state_dict(), Path(folder, file))
    state.save_to_json(str(Path(folder, "trainer_state.json")))


def _epoch(state: Any) -> int:
    """Return the epoch that the last step belongs to, from 0; the trainer counts in fractions."""
    epoch = state.epoch or 0.0
    return max(0, int(epoch - 1e-6))


def _place(state: Any) -> tuple[int, int] | None:
    """Return the last step's number in its epoch, from 0, and how many steps an epoch has.

    The trainer knows neither; it has the epoch's fraction, and counts steps over all epochs.
    """
    if not state.epoch:
        return None
    steps = max(1, round(state.global_step / state.epoch))
    return min(max(0, round((state.epoch - _epoch(state)) * steps) - 1), steps - 1), steps


def unpack_model(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> str:
    """Unpack a model file, and return the folder.

    Args:
        path: of the model file.
        folder: where to; it is made.

    Raises:
        OSError: it cannot be read, or not be written.
        shutil.ReadError: it is no ZIP archive.

    Examples:
        >>> model = AutoModel.from_pretrained(unpack_model(path, "/tmp/model"))
    """
    shutil.unpack_archive(path, folder, "zip")
    return str(folder)


def report_predictions(
    ctx: Context,
    paths: Iterable[str | os.PathLike[str]],
    output: Any,
    classes: Mapping[int, str],
) -> list[dict[str, Any]]:
    """Report an image classification's predictions; return what is reported.

    Args:
        ctx: of the task.
        paths: the images', in the order of the data set.
        output: what ``trainer.predict`` returns: logits (n, classes), and labels if they are known.
        classes: the model's ``config.id2label``.

    Examples:
        >>> report_predictions(ctx, paths, trainer.predict(data), model.config.id2label)
    """
    reported = []
    labels = output.label_ids
    for index, (path, logits) in enumerate(zip(paths, output.predictions, strict=True)):
        shares = [2.718281828459045 ** float(value - max(logits)) for value in logits]
        best = max(range(len(shares)), key=shares.__getitem__)
        truth = None if labels is None else classes[int(labels[index])]
        reported += report_class(ctx, path, truth, classes[best], shares[best] / sum(shares))
    return reported


def report_pipeline(
    ctx: Context,
    paths: Iterable[str | os.PathLike[str]],
    outputs: Iterable[Sequence[Mapping[str, Any]]],
    *,
    truth: Callable[[str], Any] | None = None,
    confidence: float = CONFIDENCE,
) -> list[dict[str, Any]]:
    """Report what a pipeline for images returns; return what is reported.

    Args:
        ctx: of the task or the inference.
        paths: the images'.
        outputs: of an ``image-classification``, ``object-detection`` or ``image-segmentation``
            pipeline, one for each image. Masks are reported as polygons; those without a score, of
            a semantic segmentation, one for each class.
        truth: called with an image's path; returns its class, its `Shape` objects, or for a
            semantic segmentation class → mask. None if it is not known.
        confidence: from which on a box or a mask with a score is reported, from 0 to 1.

    Examples:
        >>> return report_pipeline(ctx, paths, pipeline("object-detection", model=folder)(paths))
    """
    reported = []
    for path, output in zip(paths, outputs, strict=True):
        known = None if truth is None else truth(os.fspath(path))
        if any("mask" in one and one["score"] is None for one in output):
            masks = {one["label"]: one["mask"] for one in output}
            reported += report_regions(ctx, path, known, masks)
        elif any("box" in one or "mask" in one for one in output) or not output:
            reported += report_shapes(ctx, path, known, _shapes(output, confidence))
        else:
            best = max(output, key=lambda one: float(one["score"]))
            reported += report_class(ctx, path, known, best["label"], best["score"])
    return reported


def _shapes(output: Iterable[Mapping[str, Any]], confidence: float) -> Iterator[Shape]:
    for one in output:
        if one["score"] < confidence:
            continue
        if "mask" in one:
            shape = masked_shape(one["label"], one["mask"], one["score"])
            if shape is not None:
                yield shape
        else:
            box = one["box"]
            corners = (box["xmin"], box["ymin"], box["xmax"], box["ymax"])
            yield Shape(one["label"], corners, one["score"])
