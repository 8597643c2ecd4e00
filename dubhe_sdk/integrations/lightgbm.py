"""LightGBM: progress, metrics and a model file of ``lightgbm.train`` and the scikit-learn models.

    from dubhe_sdk.integrations.lightgbm import DubheCallback

    with DubheCallback(ctx) as dubhe:
        lightgbm.train(params, data, 500, valid_sets=[held_out], callbacks=[dubhe])

The model file is what LightGBM has at the end: after early stopping the rounds up to the best one.

A block, because LightGBM does not tell callbacks that a training has ended. To train the request's
model further, pass ``init_model=ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None``.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any

import lightgbm

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import save_model
from dubhe_sdk.integrations.training import Training


class DubheCallback:
    """Reports a training; see the module for its use.

    | event | what is reported |
    |---|---|
    | round | ``valid_0 l2``, …; ``… -mean`` and ``… -stdv`` by ``lightgbm.cv``; ``learning_rate`` |
    | end, also by early stopping | a ``.txt`` file in the output folder; progress 1 |
    | stop | the round is the last; a model file; `dubhe_sdk.TaskStopped` |

    An epoch is a round. If a model is trained further, rounds count on from its own.

    Args:
        ctx: the task's context; None: that of the running task.
        save: whether a model file is written.
    """

    def __init__(self, ctx: Context | None = None, *, save: bool = True) -> None:
        self.order = 25  # before LightGBM's early stopping; without it LightGBM sets one
        self._training = Training(ctx)
        self._save = save
        self._begun = False
        self._model: Any = None
        self._epoch = 0
        self._loss: Any = None

    def __enter__(self) -> DubheCallback:
        """Begin."""
        self._begun = False
        self._training.begin(None)
        return self

    def __call__(self, env: Any) -> None:
        """Report a round.

        Raises:
            lightgbm.callback.EarlyStopException: a stop was asked for.
        """
        if not self._begun:
            self._begun = True
            rank, ranks = _rank(env.model)
            first = env.begin_iteration
            self._training.begin(env.end_iteration, first_epoch=first, rank=rank, ranks=ranks)
        self._model, self._epoch = env.model, env.iteration
        results = env.evaluation_result_list or []
        metrics: dict[str, Any] = {}
        for result in results:
            # Before 4.7 a plain tuple; of four where nothing is cross-validated.
            data, metric, value, _, deviation = (*result, None)[:5]
            name = f"{data} {metric}"
            if deviation is None:
                metrics[name] = self._loss = value
            else:
                metrics[f"{name}-mean"], metrics[f"{name}-stdv"] = value, deviation
        metrics["learning_rate"] = env.params.get("learning_rate")
        self._training.epoch(env.iteration, metrics)
        if self._training.ends_here:
            raise lightgbm.callback.EarlyStopException(env.iteration, results)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the model file, then report the end; nothing after a failure."""
        model, self._model = self._model, None
        if error is not None:
            self._training.release()
            return
        if self._save and self._training.reports and isinstance(model, lightgbm.Booster):
            save_model(self._training.ctx, model.save_model, self._epoch, self._loss, ".txt")
        if self._training.stopping:
            self._training.leave()
        self._training.end()


def _rank(model: Any) -> tuple[int, int]:
    """Return this process's rank and how many there are, as LightGBM itself finds out.

    Its rank is the place in ``machines`` of an address of this machine with the port that it
    listens on. https://lightgbm.readthedocs.io/en/stable/Parallel-Learning-Guide.html
    """
    if not isinstance(model, lightgbm.Booster):  # cross-validated, which is done alone
        return 0, 1
    params = model.params  # under their main names, with defaults
    machines = params.get("machines") or ()
    if isinstance(machines, str):
        machines = machines.split(",")
    for rank, machine in enumerate(machines):
        address, _, port = machine.strip().rpartition(":")
        if int(port) == int(params["local_listen_port"]) and _is_local(address):
            return rank, len(machines)
    return 0, 1


def _is_local(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
