"""Lightning: reports and model files of a training.

    from dubhe_sdk.integrations.lightning import DubheCallback

    trainer = lightning.Trainer(callbacks=[DubheCallback(ctx)], default_root_dir=output_dir)
    trainer.fit(net, data, ckpt_path=ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None)

One process, or several by ``strategy="ddp"``. The model file is a checkpoint of Lightning's, after
a stop too, so that the last line resumes from it. Lightning writes its own files below
``default_root_dir``, which is the working directory unless it is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, callbacks

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.api.model_file import model_path
from dubhe_sdk.integrations.model_files import keep_model
from dubhe_sdk.integrations.training import Training

_AVERAGING: Any = getattr(callbacks, "WeightAveraging", ())  # from 2.6 on


class DubheCallback(Callback):  # type: ignore[misc] # Lightning is not there to be checked
    """Reports a trainer's trainings.

    | event | what is reported |
    |---|---|
    | batch | ``loss``, as `training_step` returns it |
    | epoch | everything that the module has logged, and ``lr-…`` of each optimizer |
    | end | a model file in the output folder; progress 1 |
    | stop | a checkpoint at once, as a model file; `dubhe_sdk.TaskStopped` |

    Args:
        ctx: the task's context; None: that of the running task.
        model: what becomes the model file: ``last``, or ``best``, the checkpoint that
            ``ModelCheckpoint`` takes for that, if there is one. It is named by the last epoch,
            because the platform takes that for the best model.
    """

    def __init__(
        self, ctx: Context | None = None, *, model: Literal["best", "last"] = "best"
    ) -> None:
        self._training = Training(ctx)
        self._model = model
        self._epoch = 0
        self._batches: float = 0  # of the epoch
        self._steps = -1  # of the training, if it is limited by them
        self._loss: Any = None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Take SIGTERM before Lightning does, which would end the process by `SystemExit`."""
        if stage == "fit":
            self._training.begin(None)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin, in every rank."""
        epochs = trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None
        first, rank, ranks = trainer.current_epoch, trainer.global_rank, trainer.world_size
        self._training.begin(epochs, first_epoch=first, rank=rank, ranks=ranks)
        self._training.take_again()
        self._steps = trainer.max_steps
        self.on_train_epoch_start(trainer, pl_module)  # is not called where an epoch is resumed

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Note what is the same for all batches: the trainer asks several objects for each."""
        self._epoch, self._batches = trainer.current_epoch, trainer.num_training_batches

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report the batch; leave after a stop, in all ranks at the same batch."""
        training = self._training
        self._loss = loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if self._steps > 0:  # whichever ends first, epochs or steps
            training.progress.after_step(trainer.global_step, self._steps)
        training.batch(self._epoch, batch_idx, self._batches, {"loss": loss})
        if training.ends_here:
            self._keep(trainer, "last")
            training.leave()

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Leave a training's validation after a stop.

        Several ranks end after it: they may have unequal parts of the data. In the check that
        comes before the training there is nothing to be saved yet.
        """
        training = self._training
        if trainer.world_size > 1 or trainer.state.fn != "fit" or not training.stopping:
            return
        if not trainer.sanity_checking:
            for callback in trainer.callbacks:
                if isinstance(callback, _AVERAGING):  # has put the mean weights into the model
                    callback.on_validation_epoch_end(trainer, pl_module)
            self._keep(trainer, "last")
        training.leave()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Report the epoch's metrics; its validation has run before."""
        metrics = {**trainer.callback_metrics, **_rates(trainer)}
        self._training.epoch(trainer.current_epoch, metrics)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Leave the model file, and report the end."""
        self._keep(trainer, self._model)
        self._training.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Let a stop be an exception again."""
        self._training.release()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Let a stop be an exception again, however the training ended."""
        self._training.release()

    def _keep(self, trainer: Any, which: str) -> None:
        """Write the model file. All ranks call it: saving may need each one's part."""
        metrics, epoch = trainer.callback_metrics, self._epoch
        loss = metrics.get("val_loss", self._loss)
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        if which == "best" and best and Path(best).exists():
            if trainer.is_global_zero:
                keep_model(self._training.ctx, best, epoch, loss)
            return
        folder = self._training.ctx.get(ContextKey.KEY_OUTPUT_DIR)
        path = model_path(folder, epoch, 0.0 if loss is None else loss, ".ckpt")
        trainer.save_checkpoint(trainer.strategy.broadcast(path))


def _rates(trainer: Any) -> dict[str, float]:
    """Return the learning rates under the names that Lightning's LearningRateMonitor gives."""
    rates = {}
    for optimizer in trainer.optimizers:
        name, groups = f"lr-{type(optimizer).__name__}", optimizer.param_groups
        for number, group in enumerate(groups, 1):
            rates[name if len(groups) == 1 else f"{name}/pg{number}"] = group["lr"]
    return rates
