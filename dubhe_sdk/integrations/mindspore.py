"""MindSpore: progress, metrics and model files of ``model.train`` and ``model.fit``.

    from dubhe_sdk.integrations.mindspore import DubheCallback

    model = mindspore.train.Model(network, loss, optimizer, metrics={"accuracy"})
    model.fit(10, train_data, eval_data, callbacks=[DubheCallback(ctx)])

The model file has the weights that the training ended with. For the best ones name the callback
that keeps them. MindSpore itself restores them only if that callback has ended the training::

    best = mindspore.train.EarlyStopping("accuracy", patience=5, restore_best_weights=True)
    model.fit(10, train_data, eval_data, callbacks=[best, DubheCallback(ctx, best)])

To continue from the request's model, whose file holds the optimizer's state as well::

    if start := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
        values = mindspore.load_checkpoint(start)
        mindspore.load_param_into_net(network, values)
        mindspore.load_param_into_net(optimizer, values)
    first = ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
    model.fit(10, train_data, eval_data, callbacks=[DubheCallback(ctx)], initial_epoch=first)
"""

from __future__ import annotations

from typing import Any

import mindspore

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import save_model
from dubhe_sdk.integrations.training import Training


class DubheCallback(mindspore.train.Callback):  # type: ignore[misc]
    """Reports a training; see the module for its use.

    | event | what is reported |
    |---|---|
    | step | ``loss``; with ``dataset_sink_mode`` there is one event for an epoch |
    | epoch | ``loss``, ``learning_rate`` at its begin, ``eval_loss`` and metrics |
    | end | a ``.ckpt`` file in the output folder, with the optimizer's state; progress 1 |
    | stop | the epoch ends after the step, then as at the end; `dubhe_sdk.TaskStopped` |

    MindSpore's ``eval_loss`` is the loss of the last batch of the validation. With ``"loss"`` among
    the model's metrics it is the mean of all batches here.

    Args:
        ctx: the task's context; None: that of the running task.
        best: an ``EarlyStopping(…, restore_best_weights=True)`` of the same training, whose best
            weights become the model file. It is named by the last epoch, because the platform takes
            that for the best model. After a stop the model file has the weights of then, to be
            trained further.
        save: whether a model file is written.

    Raises:
        ValueError: ``best`` keeps no weights.
    """

    def __init__(
        self,
        ctx: Context | None = None,
        best: mindspore.train.EarlyStopping | None = None,
        *,
        save: bool = True,
    ) -> None:
        super().__init__()
        if best is not None and not best.restore_best_weights:
            raise ValueError(
                "the best model is that of an EarlyStopping with restore_best_weights=False, which "
                "keeps none; expected restore_best_weights=True"
            )
        self._training = Training(ctx)
        self._best = best
        self._save = save
        self._begun = False
        self._loss: Any = None
        self._rate: dict[str, float] = {}

    def on_train_begin(self, run_context: Any) -> None:
        """Begin anew."""
        self._begun = False

    def on_train_epoch_begin(self, run_context: Any) -> None:
        """Begin with the first epoch: its number tells where the training is resumed."""
        run = run_context.original_args()
        self._rate = _learning_rate(run.optimizer)  # after the last step there may be none
        if not self._begun:
            self._begun = True
            first = run.cur_epoch_num - 1
            ranks = run.device_number
            rank = mindspore.communication.get_rank() if ranks > 1 else 0
            epochs = first + run.epoch_num
            self._training.begin(epochs, first_epoch=first, rank=rank, ranks=ranks)

    def on_train_step_end(self, run_context: Any) -> None:
        """Report the step."""
        run = run_context.original_args()
        index = (run.cur_step_num - 1) % run.batch_num
        self._loss = _loss(run.net_outputs)
        epoch = run.cur_epoch_num - 1
        self._training.batch(epoch, index, run.batch_num, {"loss": self._loss})
        if self._training.ends_here:
            run_context.request_stop()

    def on_eval_step_end(self, run_context: Any) -> None:
        """End a validation when a stop is asked for."""
        if self._begun and self._training.ends_in_validation:
            run_context.request_stop()

    def on_train_epoch_end(self, run_context: Any) -> None:
        """Report the epoch, unless it was cut off."""
        if not self._training.ends_here:
            self._report_epoch(run_context.original_args())
        if self._training.ends_here:  # of several ranks all after the same epoch, too
            run_context.request_stop()

    def _report_epoch(self, run: Any) -> None:
        validated = dict(run.get("eval_results") or {})
        if "loss" in validated:  # the mean; MindSpore's own `eval_loss` is that of the last batch
            validated["eval_loss"] = validated.pop("loss")
        metrics = {"loss": self._loss, **self._rate, **validated}
        self._loss = validated.get("eval_loss", self._loss)
        self._training.epoch(run.cur_epoch_num - 1, metrics)

    def on_train_end(self, run_context: Any) -> None:
        """Write the model file, then report the end. Not called after a failure."""
        run = run_context.original_args()
        self._begun = False
        if self._save and self._training.reports:
            self._keep(run)
        if self._training.stopping:
            self._training.leave()
        self._training.end()

    def _keep(self, run: Any) -> None:
        weights, loss = run.train_network, self._loss
        best = None if self._training.stopping else self._best
        if best is not None and best.best_weights_param_dict is not None:
            weights = best.best_weights_param_dict
            loss = float(best.best) if best.monitor.endswith("loss") else loss
        save_model(
            self._training.ctx,
            lambda path: mindspore.save_checkpoint(weights, path),
            run.cur_epoch_num - 1,
            loss,
            ".ckpt",
        )


def _loss(outputs: Any) -> float:
    """Return the mean loss of a step, the first output if there are several."""
    while isinstance(outputs, (list, tuple)):
        outputs = outputs[0]
    # As float32: `asnumpy` of a bfloat16 tensor ends the process.
    return float(outputs.float().asnumpy().mean())


def _learning_rate(optimizer: Any) -> dict[str, float]:
    rate = None if optimizer is None else optimizer.get_lr()
    if rate is None or isinstance(rate, (list, tuple)):  # one for each group of parameters
        return {}
    return {"learning_rate": float(rate.float().asnumpy())}
