"""MMEngine, and what is built on it (MMDetection, MMPretrain, …): a hook that reports.

    from dubhe_sdk.integrations.mmengine import DubheHook

    runner = Runner(..., custom_hooks=[DubheHook(ctx)])
    runner.train()

In a configuration file: ``custom_hooks = [dict(type="DubheHook")]``, after this module was imported
by ``custom_imports = dict(imports=["dubhe_sdk.integrations.mmengine"])``. The context is then that
of the running task. To continue: ``load_from=`` and ``resume=True``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from mmengine.hooks import EarlyStoppingHook, EMAHook, Hook
from mmengine.registry import HOOKS

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.mmengine_samples import Report, report_samples, reports_of
from dubhe_sdk.integrations.model_files import keep_model
from dubhe_sdk.integrations.predictions import CONFIDENCE
from dubhe_sdk.integrations.training import Training

__all__ = ["DubheHook", "report_samples"]

_STOPPED = "stopped.pth"


@HOOKS.register_module()
class DubheHook(Hook):  # type: ignore[misc] # MMEngine is not there to be checked
    """Reports a runner's trainings, and predictions of its tests.

    | event | what is reported |
    |---|---|
    | iteration | the losses that the model returns |
    | epoch | the learning rates |
    | validation | its metrics; the learning rates, if the training counts iterations |
    | test, last validation | each image, with truth and prediction |
    | end | a model file in the output folder; progress 1 |
    | stop | a checkpoint at once, as a model file; `dubhe_sdk.TaskStopped` |

    Args:
        ctx: the task's context; None: that of the running task.
        model: what becomes the model file: ``last``, or ``best``, the checkpoint that
            ``CheckpointHook`` takes for that (``save_best=…``), if there is one. It is named by
            the last epoch, because the platform takes that for the best model.
        confidence: from which on something found is reported, from 0 to 1.
    """

    priority = "VERY_LOW"  # after CheckpointHook, whose files are taken

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
        self._loss: Any = 0.0
        self._trains = False
        self._images = 0  # of a validation or test, that this rank has had
        self._kept: list[Report] = []  # of a validation that may turn out to be the last one

    # --- training ------------------------------------------------------------------------------

    def before_train(self, runner: Any) -> None:
        """Begin, in every rank."""
        loop = runner.train_loop
        first = runner.epoch if _by_epoch(runner) else 0
        epochs = loop.max_epochs if _by_epoch(runner) else None
        rank, ranks = runner.rank, runner.world_size
        self._training.begin(epochs, first_epoch=first, rank=rank, ranks=ranks)
        self._trains = True

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Report the losses; save and leave after a stop."""
        losses = outputs if isinstance(outputs, dict) else {}
        self._loss = losses.get("loss", self._loss)
        if _by_epoch(runner):
            batches = len(runner.train_dataloader)
            self._training.batch(runner.epoch, batch_idx, batches, losses)
        else:  # `runner.iter` is that of the iteration that has just ended
            done, total = runner.iter + 1, runner.max_iters
            self._training.step(runner.epoch, done, total, losses, (runner.iter, total))
        if self._training.ends_here:
            self._stop(runner, _meta(runner, runner.epoch, runner.iter + 1), runner.epoch)

    def after_train_epoch(self, runner: Any) -> None:
        """Report the learning rates."""
        if _by_epoch(runner):
            self._training.epoch(runner.epoch, _rates(runner))

    def before_val_epoch(self, runner: Any) -> None:
        """Forget the images of the validation before."""
        self._kept, self._images = [], 0

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Report the metrics. The runner has counted the epoch already."""
        if _by_epoch(runner):
            self._training.metrics(max(0, runner.epoch - 1), metrics or {})
        else:
            # The runner has counted the iteration before the validation already.
            place = (max(0, runner.iter - 1), runner.max_iters)
            self._training.metrics(runner.epoch, {**(metrics or {}), **_rates(runner)}, place)

    def after_train(self, runner: Any) -> None:
        """Leave the model file, and report the end."""
        self._trains = False
        for report in self._kept:
            report(self._training.ctx)
        self._kept = []
        if runner.rank == 0:
            hub = runner.message_hub
            names = {"best": "best_ckpt", "last": "last_ckpt"}
            found = [hub.get_info(names[self._model]), hub.get_info("last_ckpt")]
            source = next((path for path in found if path and Path(path).is_file()), None)
            if source is None:
                runner.save_checkpoint(runner.work_dir, "last.pth", save_param_scheduler=False)
                source = Path(runner.work_dir, "last.pth")
            self._keep(source, max(0, runner.epoch - 1))
        self._training.end()

    def _stop(self, runner: Any, meta: dict[str, Any], epoch: int) -> None:
        runner.save_checkpoint(runner.work_dir, _STOPPED, meta=meta, by_epoch=False)
        if runner.rank == 0:
            self._keep(Path(runner.work_dir, _STOPPED), epoch)
        self._training.leave()

    def _stop_in_validation(self, runner: Any) -> None:
        """Save and leave. The runner has counted the iteration and the epoch before it already."""
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):  # has put the mean weights into the model
                hook.after_val_epoch(runner)
        epoch = max(0, runner.epoch - 1) if _by_epoch(runner) else runner.epoch
        self._stop(runner, _meta(runner, runner.epoch, runner.iter), epoch)

    def _keep(self, source: str | Path, epoch: int) -> None:
        keep_model(self._training.ctx, source, epoch, self._loss)

    # --- results -------------------------------------------------------------------------------

    def before_test_epoch(self, runner: Any) -> None:
        """Begin, in every rank."""
        self._images = 0
        self._training.reports = runner.rank == 0

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Report the predictions of a batch, and the test's progress."""
        own = self._own(runner, runner.test_dataloader, outputs or ())
        report_samples(self._training.ctx, own, _classes(runner), self._confidence)
        self._training.evaluation(batch_idx + 1, len(runner.test_dataloader))

    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Report the test's metrics, and its end."""
        self._training.evaluated(max(0, runner.epoch - 1), metrics or {})

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Report the predictions of the last validation; save and leave after a stop.

        Several ranks have unequal parts of the images: they end after the validation.

        Which one is the last shows only afterwards if the training may end early. Then the reports
        of each are kept until the next one.
        """
        if self._trains and runner.world_size == 1 and self._training.stopping:
            self._stop_in_validation(runner)
        ends_early = any(isinstance(hook, EarlyStoppingHook) for hook in runner.hooks)
        if not (ends_early or _is_last(runner.train_loop)):
            return
        own = self._own(runner, runner.val_dataloader, outputs or ())
        reports = reports_of(own, _classes(runner), self._confidence)
        if ends_early:
            self._kept += reports
        else:
            for report in reports:
                report(self._training.ctx)

    def _own(self, runner: Any, loader: Any, outputs: Sequence[Any]) -> Sequence[Any]:
        """Return the samples of a batch that no other rank reports.

        Samplers give rank r of n the images r, r + n, …, and fill the last round with the first
        images. A loader without such a sampler gives every rank all of them.
        """
        before, ranks = self._images, runner.world_size
        self._images += len(outputs)
        if ranks == 1:
            return outputs
        sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
        if not hasattr(sampler, "total_size"):
            return outputs if runner.rank == 0 else ()
        mine = len(range(runner.rank, len(loader.dataset), ranks))
        return outputs[: max(0, mine - before)]


def _classes(runner: Any) -> Sequence[str]:
    meta = runner.visualizer.dataset_meta or {}
    return list(meta.get("classes", ()))


def _by_epoch(runner: Any) -> bool:
    """Return whether the training counts epochs: `max_iters` is then but a product of them."""
    return hasattr(runner.train_loop, "max_epochs") and "Epoch" in type(runner.train_loop).__name__


def _is_last(loop: Any) -> bool:
    """Return whether a validation that runs now is the last of a training, as far as planned.

    A runner that only validates has the configuration of a loop, and no loop.
    """
    if hasattr(loop, "max_epochs") and "Epoch" in type(loop).__name__:
        return bool(loop.epoch >= loop.max_epochs)
    return hasattr(loop, "max_iters") and bool(loop.iter >= loop.max_iters)


def _rates(runner: Any) -> dict[str, Any]:
    """Return the learning rates by the names of their optimizers."""
    rates: dict[str, Any] = runner.optim_wrapper.get_lr()
    if rates and isinstance(next(iter(rates.values())), list):
        return {name: values[0] for name, values in rates.items() if values}
    return rates


def _meta(runner: Any, epoch: int, done: int) -> dict[str, Any]:
    """Return what lets an epoch that was cut off be repeated; ``done``: iterations."""
    if _by_epoch(runner):
        done = epoch * len(runner.train_dataloader)
    return {"epoch": epoch, "iter": done}
