#!/usr/bin/env bash
# CatBoost 1.2.10, Linux x86_64, CPython 3.11.
#
# A callback's KeyboardInterrupt or SystemExit leaves fit() as a CatBoostError, which is an Exception:
# Python's two are not, so that `except Exception` does not stop them. Around CatBoost it does. Code
# that goes on after an error (a search over parameters, a retry) goes on after Ctrl-C. And the model
# is not fitted: the trees so far are lost. With `return False` from the callback they are kept.
#
# Expected output:
#   KeyboardInterrupt: CatBoostError, an Exception; fitted: False
#   SystemExit: CatBoostError, an Exception; fitted: False
#   return False: nothing raised; fitted: True, 6 trees
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q --disable-pip-version-check catboost==1.2.10 numpy==2.4.6 || exit 2

cat >"$folder/probe.py" <<'PY'
import numpy
from catboost import CatBoostClassifier


class Callback:
    def __init__(self, error):
        self.error = error

    def after_iteration(self, info):
        if info.iteration < 6:
            return True
        if self.error is None:
            return False
        raise self.error


values = numpy.random.default_rng(0).random((200, 4))
labels = (values[:, 0] > 0.5).astype(int)
for error in (KeyboardInterrupt(), SystemExit(3), None):
    model = CatBoostClassifier(
        iterations=20, verbose=False, allow_writing_files=False, thread_count=1
    )
    name = "return False" if error is None else type(error).__name__
    raised = "nothing raised"
    try:
        model.fit(values, labels, callbacks=[Callback(error)])
    except BaseException as found:
        kind = "an Exception" if isinstance(found, Exception) else "no Exception"
        raised = f"{type(found).__name__}, {kind}"
    trees = f", {model.tree_count_} trees" if model.is_fitted() else ""
    print(f"{name}: {raised}; fitted: {model.is_fitted()}{trees}")
PY

"$folder/venv/bin/python" "$folder/probe.py" >"$folder/found" || exit 2
sed -n 's/^#   //p' "$0" >"$folder/expected"
cat "$folder/found"
if ! diff "$folder/expected" "$folder/found" >"$folder/difference"; then
  echo "changed: expected (<) and found (>)"
  cat "$folder/difference"
  exit 1
fi
