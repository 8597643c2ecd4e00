"""Keras 3: progress, metrics and model files of ``model.fit``.

    from dubhe_sdk.integrations.keras import DubheCallback

    model.fit(x, y, epochs=10, callbacks=[EarlyStopping(), DubheCallback(ctx)])

Put it last, so that what the others change (the learning rate, the best weights) is there when it
reports and saves. To continue from the request's model::

    if start := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
        model = keras.models.load_model(start)
    first = ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
    model.fit(x, y, epochs=10, initial_epoch=first, callbacks=[DubheCallback(ctx)])

The model file has the weights that the training ended with. For the best ones let Keras restore
them, by ``EarlyStopping(restore_best_weights=True)``, or name the callback that keeps them::

    best = keras.callbacks.ModelCheckpoint("/temporary/best.keras", save_best_only=True)
    model.fit(x, y, epochs=10, validation_data=held_out, callbacks=[best, DubheCallback(ctx, best)])

With JAX, PyTorch or TensorFlow; of several processes the first one reports (with TensorFlow, each).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import keep_model, save_model
from dubhe_sdk.integrations.ranks import torch_rank
from dubhe_sdk.integrations.training import Training


class DubheCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports a training; see the module for its use.

    | event | what is reported |
    |---|---|
    | batch | ``loss`` and metrics: Keras gives their means over the epoch so far |
    | epoch | the same, ``val_…`` and ``learning_rate`` |
    | end | a ``.keras`` file in the output folder, with the optimizer's state; progress 1 |
    | stop | the epoch ends after the batch, then as at the end; `dubhe_sdk.TaskStopped` |

    Args:
        ctx: the task's context; None: that of the running task.
        best: a ``ModelCheckpoint(…, save_best_only=True)`` of the same training, whose file becomes
            the model file. It is named by the last epoch, because the platform takes that for the
            best model. After a stop the model file has the weights of then, to be trained further.
        save: whether a model file is written.

    Raises:
        ValueError: ``best`` writes several files, or files without the network.
    """

    def __init__(
        self,
        ctx: Context | None = None,
        best: keras.callbacks.ModelCheckpoint | None = None,
        *,
        save: bool = True,
    ) -> None:
        super().__init__()
        if best is not None and (best.save_weights_only or "{" in best.filepath):
            raise ValueError(
                f"the best model is kept as {best.filepath!r}; expected one file with the network: "
                "a name without {…}, and not save_weights_only"
            )
        self._training = Training(ctx)
        self._best = best
        self._save = save
        self._epoch = -1
        self._logs: dict[str, Any] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin anew."""
        self._epoch = -1

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin with the first epoch: its number tells where the training is resumed."""
        if self._epoch < 0:
            rank, ranks = _rank()
            epochs = self.params["epochs"]
            self._training.begin(epochs, first_epoch=epoch, rank=rank, ranks=ranks)
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the batch."""
        self._training.batch(self._epoch, batch, self.params["steps"], logs)
        if self._training.ends_here:
            self.model.stop_training = True

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End a validation when a stop is asked for."""
        if self._training.ends_in_validation:
            self.model.stop_training = self.model.stop_evaluating = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch, unless it was cut off."""
        self._logs = logs or {}
        if not self._training.ends_here:
            self._training.epoch(epoch, {**self._learning_rate(), **self._logs})
        if self._training.ends_here:  # of several ranks all after the same epoch, too
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the model file, then report the end. Keras does not call it after a failure."""
        if self._save and self._training.reports:
            self._keep()
        if self._training.stopping:
            self._training.leave()
        self._training.end()

    def _keep(self) -> None:
        ctx, best = self._training.ctx, self._best
        loss = self._logs.get("val_loss", self._logs.get("loss"))
        if best is None or self._training.stopping or not Path(best.filepath).exists():
            with _alone():
                save_model(ctx, self.model.save, self._epoch, loss, ".keras")
        else:
            loss = best.best if best.monitor.endswith("loss") else loss
            keep_model(ctx, best.filepath, self._epoch, loss)

    def _learning_rate(self) -> dict[str, Any]:
        rate = getattr(self.model.optimizer, "learning_rate", None)
        return {} if rate is None else {"learning_rate": keras.ops.convert_to_numpy(rate)}


@contextmanager
def _alone() -> Iterator[None]:
    """Have what Keras does concern no other process.

    To save, Keras makes variables, and JAX compares those of a distribution in all processes: the
    one that saves would wait for the others for ever.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        yield
        return
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def _rank() -> tuple[int, int]:
    """Return this process's rank and how many there are, by the backend's own count."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return int(jax.process_index()), int(jax.process_count())
    return (torch_rank() if backend == "torch" else None) or (0, 1)
