"""CatBoost: progress, metrics and a model file of ``model.fit``, on the processor.

    from dubhe_sdk.integrations.catboost import DubheCallback

    with DubheCallback(ctx, model) as dubhe:
        model.fit(x, y, eval_set=held_out, callbacks=[dubhe])

The model file is what CatBoost has at the end: with ``eval_set`` the trees up to the best
iteration, unless ``use_best_model=False``.

A block, because CatBoost does not tell callbacks that a training has ended. On a GPU it refuses
callbacks: there, leave ``callbacks`` out; the model file and progress 1 come all the same.

CatBoost writes files of its own to ``catboost_info/`` in the working directory, unless the model
was made with ``allow_writing_files=False``.

To train the request's model further, pass
``init_model=ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None``.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import save_model
from dubhe_sdk.integrations.training import Training

_ITERATIONS = ("iterations", "n_estimators", "num_boost_round", "num_trees")
_DEFAULT_ITERATIONS = 1000  # CatBoost's


class DubheCallback:
    """Reports a training; see the module for its use.

    | event | what is reported |
    |---|---|
    | iteration | ``learn RMSE``, ``validation RMSE``, … |
    | end, also by early stopping | a ``.cbm`` file in the output folder; progress 1 |
    | stop | the iteration is the last; a model file; `dubhe_sdk.TaskStopped` |

    An epoch is an iteration, from 0.

    Args:
        ctx: the task's context; None: that of the running task.
        model: what is trained.
        save: whether a model file is written.
    """

    def __init__(self, ctx: Context | None, model: Any, *, save: bool = True) -> None:
        self._training = Training(ctx)
        self._model = model
        self._save = save
        self._epoch = 0
        self._metrics: dict[str, Any] = {}

    def __enter__(self) -> DubheCallback:
        """Begin."""
        given = self._model.get_params()
        iterations = [given[name] for name in _ITERATIONS if given.get(name) is not None]
        self._epoch, self._metrics = -1, {}
        self._training.continue_epochs()
        self._training.begin([*iterations, _DEFAULT_ITERATIONS][0])
        return self

    def after_iteration(self, info: Any) -> bool:
        """Report an iteration; return whether there shall be more."""
        self._metrics = {
            f"{data} {name}": history[-1]
            for data, values in info.metrics.items()
            for name, history in values.items()
        }
        self._epoch = info.iteration - 1
        self._training.epoch(self._epoch, self._metrics)
        return not self._training.stopping

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the model file, then report the end; nothing after a failure."""
        if error is not None:
            self._training.release()
            return
        if self._save and self._model.is_fitted():
            epoch = self._epoch if self._epoch >= 0 else self._model.tree_count_ - 1
            epoch += self._training.epoch_offset
            save_model(self._training.ctx, self._model.save_model, epoch, self._loss(), ".cbm")
        if self._training.stopping:
            self._training.leave()
        self._training.end()

    def _loss(self) -> Any:
        """Return what was minimized, on the held-out data if there are some."""
        name = self._model.get_all_params().get("loss_function")
        learned = self._metrics.get(f"learn {name}")
        return self._metrics.get(f"validation {name}", learned)
