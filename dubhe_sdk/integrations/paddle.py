"""PaddlePaddle's high-level interface: progress, metrics and model files of ``model.fit``.

    from dubhe_sdk.integrations.paddle import DubheCallback

    model = paddle.Model(network)
    model.prepare(optimizer, loss, metrics)
    model.fit(train_data, eval_data, epochs=10, callbacks=[DubheCallback(ctx)])

The model file has the weights that the training ended with. For the best ones name the callback
that keeps them; it does so below ``save_dir``::

    best = paddle.callbacks.EarlyStopping("acc", mode="max", patience=5)
    callbacks = [best, DubheCallback(ctx, best)]
    model.fit(train_data, eval_data, epochs=10, save_dir="/temporary/run", callbacks=callbacks)

To train the request's model further, call ``load_pretrained(ctx, model)`` after `model.prepare`.
Paddle counts epochs from 0 then; they are reported from the request's number on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import paddle

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.integrations.metrics import curves
from dubhe_sdk.integrations.paddle_files import keep_both, optimizer_of
from dubhe_sdk.integrations.training import Training

_NAMES = "StructuredToParameterName@@"  # where Paddle keeps the names of parameters


class DubheCallback(paddle.callbacks.Callback):  # type: ignore[misc]
    """Reports a training; see the module for its use.

    | event | what is reported |
    |---|---|
    | batch | ``loss`` and metrics: Paddle gives the metrics' means over the epoch so far |
    | epoch | the same, and ``lr`` at its begin |
    | validation | ``eval_loss``, ``eval_acc``, … |
    | end | a ``.pdparams`` file in the output folder, the optimizer's state beside it; progress 1 |
    | stop | the same files at once; `dubhe_sdk.TaskStopped` |

    At its import Paddle takes SIGTERM for itself, in C, and dies of it. Here it is given back for
    the time of the training and after it.

    Args:
        ctx: the task's context; None: that of the running task.
        best: an ``EarlyStopping`` of the same training, whose best model becomes the model file. It
            is named by the last epoch, because the platform takes that for the best model. After a
            stop the model file has the weights of then, to be trained further.
        save: whether model files are written.
    """

    def __init__(
        self,
        ctx: Context | None = None,
        best: paddle.callbacks.EarlyStopping | None = None,
        *,
        save: bool = True,
    ) -> None:
        super().__init__()
        self._training = Training(ctx)
        self._best = best
        self._save = save
        self._epoch = 0
        self._rate = 0.0
        self._last: dict[str, Any] = {}
        self._fits = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin. ``steps`` is None if the number of batches is not known."""
        self._fits = True
        self._training.continue_epochs()
        rank, ranks = paddle.distributed.get_rank(), paddle.distributed.get_world_size()
        self._training.begin(self.params["epochs"], rank=rank, ranks=ranks)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's number, and the learning rate before schedulers change it."""
        self._epoch, self._rate = epoch, self.model._optimizer.get_lr()

    def on_train_batch_end(self, step: int, logs: dict[str, Any] | None = None) -> None:
        """Report the batch; stop here, because Paddle looks at its flag after epochs alone."""
        self._last = dict(logs or {})
        self._training.batch(self._epoch, step, self.params["steps"], logs)
        if self._training.ends_here:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch."""
        self._training.epoch(epoch, {**(logs or {}), "lr": self._rate})

    def on_eval_batch_end(self, step: int, logs: dict[str, Any] | None = None) -> None:
        """Stop in a validation, too."""
        if self._fits and self._training.ends_in_validation:
            self._stop()

    def on_eval_end(self, logs: dict[str, Any] | None = None) -> None:
        """Report a validation's metrics."""
        if self._fits:
            self._last = {f"eval_{name}": value for name, value in (logs or {}).items()}
            self._training.metrics(self._epoch, curves(logs, "eval_"))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the model files, then report the end. Paddle does not call it after a failure."""
        if self._training.stopping:
            self._stop()
        self._keep()
        self._fits = False
        self._training.end()

    def _stop(self) -> None:
        self._keep()
        self._fits = False
        self._training.leave()

    def _keep(self) -> None:
        if not (self._save and self._training.reports):
            return
        ctx = self._training.ctx
        epoch = self._epoch + self._training.epoch_offset
        loss = self._last.get("eval_loss", self._last.get("loss"))
        best = self._best_file()
        if best is not None and self._best is not None:
            loss = self._best.best_value if self._best.monitor == "loss" else loss
            keep_both(ctx, best, epoch, loss)
            return
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder, "model.pdparams")
            self.model.save(str(written.with_suffix("")))
            keep_both(ctx, written, epoch, loss)

    def _best_file(self) -> Path | None:
        """Return the best model of a training that has ended by itself, if there is one."""
        folder = None if self._best is None else self._best.save_dir
        if folder is None or self._training.stopping:
            return None
        path = Path(folder, "best_model.pdparams")
        return path if path.exists() else None


def load_pretrained(ctx: Context, model: Any) -> bool:
    """Load the request's model, and the optimizer's state if it lies beside it.

    Args:
        ctx: of the task.
        model: a ``paddle.Model`` that is prepared.

    Returns:
        Whether the request names a model.

    Raises:
        OSError: a file cannot be read.
        ValueError: the model has other parameters.

    Examples:
        >>> load_pretrained(ctx, model)
        True
    """
    start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
    if not start:
        return False
    values = paddle.load(start, keep_name_table=True)
    before = values.pop(_NAMES, {})
    missing, _ = model.network.set_state_dict(values)
    if missing:
        raise ValueError(f"{start} lacks {', '.join(missing)}: it is another network's")
    path = optimizer_of(Path(start))
    if path.exists():
        now = {key: value.name for key, value in model.network.state_dict().items()}
        renamed = {name: now[key] for key, name in before.items() if key in now}
        model._optimizer.set_state_dict(_renamed(paddle.load(str(path)), renamed))
    return True


def _renamed(state: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return an optimizer's state for a network whose parameters have other names.

    Paddle numbers them in the order in which they are made in a process, and finds the states by
    them: a second network would not get its own.
    """
    found = {}
    for key, value in state.items():
        name = max((old for old in names if key.startswith(f"{old}_")), key=len, default=None)
        found[key if name is None else names[name] + key[len(name) :]] = value
    return found
