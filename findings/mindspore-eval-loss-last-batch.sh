#!/usr/bin/env bash
# MindSpore 2.10.0, Linux x86_64, CPython 3.11.
#
# `eval_loss`, which `Model.fit` hands to callbacks after each validation, is the loss of the last
# batch alone, not of the validation set: a new metric is made for every batch. `EarlyStopping` and
# `ReduceLROnPlateau` decide by it, "eval_loss" being the default of both. The metric "loss" of the
# same validation is the mean. Below, three batches have the loss 9 and the last one has the loss 1.
#
# And `EarlyStopping(restore_best_weights=True)` restores the best weights only if it has ended the
# training itself. If the epochs are over before, the last weights stay, without a word.
#
# Expected output:
#   loss of the four batches: 9 9 9 1
#   eval_loss: 1; metric loss: 7
#   best epoch 1, epochs over: the weights are the last ones
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q --disable-pip-version-check mindspore==2.10.0 numpy==1.26.4 || exit 2

cat >"$folder/probe.py" <<'PY'
import mindspore
import numpy as np
from mindspore import nn
from mindspore.dataset import NumpySlicesDataset

mindspore.set_device("CPU")
x = np.array([[3.0]] * 3 + [[1.0]], np.float32)  # one batch each


class Loss(nn.Cell):
    def construct(self, found, _):
        return (found**2).mean()


def data():
    return NumpySlicesDataset((x, x), ["x", "y"], shuffle=False).batch(1)


class Shows(mindspore.train.Callback):
    def on_train_epoch_end(self, run_context):
        run = run_context.original_args()
        if run.cur_epoch_num == 1:
            found = run.eval_results
            print(f"eval_loss: {found['eval_loss']:.0f}; metric loss: {found['loss']:.0f}")


print("loss of the four batches:", *(f"{value**2:.0f}" for value in x.ravel()))
network = nn.Dense(1, 1, weight_init="ones", has_bias=False)
# No step changes anything in the first epoch; the second one makes the weights worse.
rates = nn.piecewise_constant_lr([4, 8], [0.0, 10.0])
optimizer = nn.SGD(network.trainable_params(), rates)
model = mindspore.train.Model(network, Loss(), optimizer, metrics={"loss"})
best = mindspore.train.EarlyStopping(patience=9, restore_best_weights=True)
model.fit(2, data(), data(), callbacks=[best, Shows()])
weight = float(network.weight.asnumpy().item())
kept = float(best.best_weights_param_dict["weight"].asnumpy().item())
which = "best" if weight == kept else "last"
print(f"best epoch {1 if kept == 1 else 2}, epochs over: the weights are the {which} ones")
PY

"$folder/venv/bin/python" -W ignore "$folder/probe.py" >"$folder/all" 2>"$folder/err" || exit 2
grep -v WARNING "$folder/all" >"$folder/found" || true
sed -n 's/^#   //p' "$0" >"$folder/expected"
cat "$folder/found"
if ! diff "$folder/expected" "$folder/found" >"$folder/difference"; then
  echo "changed: expected (<) and found (>)"
  cat "$folder/difference"
  exit 1
fi
