"""Keras 3: progress, metrics and model files of ``model.fit``.

    from dubhe_sdk.integrations.keras import DubheCallback

    model.fit(x, y, epochs=10, callbacks=[EarlyStopping(), DubheCallback(ctx)])

Put it last, so that what the others change (the learning rate, the best weights) is there when it
reports and saves. To continue from the request's model::

    if start := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
        model = keras.models.load_model(start)
    first = ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
    model.fit(x, y, epochs=10, initial_epoch=first, callbacks=[DubheCallback(ctx)])

With JAX, PyTorch or TensorFlow; of several processes the first one reports (with TensorFlow, each).
"""

from __future__ import annotations

from typing import Any

import keras

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import save_model
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
        save: whether a model file is written.
    """

    def __init__(self, ctx: Context | None = None, *, save: bool = True) -> None:
        super().__init__()
        self._training = Training(ctx)
        self._save = save
        self._epoch = -1
        self._logs: dict[str, Any] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin anew."""
        self._epoch = -1

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin with the first epoch: its number tells where the training is resumed."""
        if self._epoch < 0:
            self._training.begin(self.params["epochs"], first_epoch=epoch, reports=_is_first())
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the batch."""
        self._training.batch(self._epoch, batch, self.params["steps"], logs)
        if self._training.stopping:
            self.model.stop_training = True

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End a validation when a stop is asked for."""
        if self._training.stopping:
            self.model.stop_training = self.model.stop_evaluating = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch, unless it was cut off."""
        self._logs = logs or {}
        if self._training.stopping:
            self.model.stop_training = True
            return
        self._training.epoch(epoch, {**self._learning_rate(), **self._logs})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the model file, then report the end. Keras does not call it after a failure."""
        if self._save and self._training.reports:
            loss = self._logs.get("val_loss", self._logs.get("loss"))
            save_model(self._training.ctx, self.model.save, self._epoch, loss, ".keras")
        if self._training.stopping:
            self._training.leave()
        self._training.end()

    def _learning_rate(self) -> dict[str, Any]:
        rate = getattr(self.model.optimizer, "learning_rate", None)
        return {} if rate is None else {"learning_rate": keras.ops.convert_to_numpy(rate)}


def _is_first() -> bool:
    """Return whether this process is the first one, by the backend's own count."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return bool(jax.process_index() == 0)
    if backend == "torch":
        from torch import distributed

        ready = distributed.is_available() and distributed.is_initialized()
        return not ready or distributed.get_rank() == 0
    return True
