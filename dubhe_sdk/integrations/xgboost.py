"""XGBoost: progress, metrics and a model file of ``xgboost.train`` and the scikit-learn models.

    from dubhe_sdk.integrations.xgboost import DubheCallback

    xgboost.train(params, data, 500, evals=[(held_out, "validation")],
                  callbacks=[DubheCallback(ctx, rounds=500)])

XGBoost does not tell callbacks how many rounds there will be. To train the request's model further,
pass ``xgb_model=ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None``.
"""

from __future__ import annotations

from typing import Any, Literal

import xgboost

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import save_model
from dubhe_sdk.integrations.training import Training


class DubheCallback(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Reports a training; see the module for its use.

    | event | what is reported |
    |---|---|
    | round | ``validation-rmse``, …; ``test-rmse-mean`` and ``-std`` by ``xgboost.cv`` |
    | end, also by early stopping | a ``.ubj`` file in the output folder; progress 1 |
    | stop | the round is the last; a model file; `dubhe_sdk.TaskStopped` |

    An epoch is a round. If a model is trained further, rounds count on from its own.

    Args:
        ctx: the task's context; None: that of the running task.
        rounds: ``num_boost_round``, or ``n_estimators`` of a scikit-learn model. Without it
            progress stays where it is until the end.
        model: what becomes the model file: with early stopping ``best`` has the rounds up to the
            best one; ``last`` has all. After a stop it has all, to be trained further. It is named
            by the last round, because the platform takes that for the best model.
        save: whether a model file is written.
    """

    def __init__(
        self,
        ctx: Context | None = None,
        *,
        rounds: int | None = None,
        model: Literal["best", "last"] = "best",
        save: bool = True,
    ) -> None:
        super().__init__()
        self._training = Training(ctx)
        self._rounds = rounds
        self._model = model
        self._save = save
        self._first = 0
        self._epoch = 0
        self._loss: Any = None

    def before_training(self, model: Any) -> Any:
        """Begin."""
        single = isinstance(model, xgboost.Booster)  # else it is cross-validated
        self._first = self._epoch = model.num_boosted_rounds() if single else 0
        rounds = self._rounds and self._rounds + self._first
        rank, ranks = xgboost.collective.get_rank(), xgboost.collective.get_world_size()
        self._training.begin(rounds, first_epoch=self._first, rank=rank, ranks=ranks)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report a round; return whether it is the last."""
        metrics = {}
        for data, values in evals_log.items():
            for name, history in values.items():
                last = history[-1]
                if isinstance(last, tuple):  # cross-validation
                    metrics[f"{data}-{name}-mean"], metrics[f"{data}-{name}-std"] = last
                    continue
                metrics[f"{data}-{name}"] = self._loss = last
        self._epoch = self._first + epoch
        self._training.epoch(self._epoch, metrics)
        return self._training.ends_here

    def after_training(self, model: Any) -> Any:
        """Write the model file, then report the end. XGBoost does not call it after a failure."""
        if self._save and self._training.reports and isinstance(model, xgboost.Booster):
            kept = self._kept(model)
            save_model(self._training.ctx, kept.save_model, self._epoch, self._loss, ".ubj")
        if self._training.stopping:
            self._training.leave()
        self._training.end()
        return model

    def _kept(self, model: Any) -> Any:
        best = model.attr("best_iteration")  # of early stopping
        if self._model == "last" or best is None or self._training.stopping:
            return model
        try:
            return model[: int(best) + 1]
        except xgboost.core.XGBoostError:  # a linear model is one, and not made of rounds
            return model
