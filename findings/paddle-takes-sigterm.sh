#!/usr/bin/env bash
# PaddlePaddle 3.3.1, Linux x86_64, CPython 3.11.
#
# `import paddle` installs a C handler of SIGTERM in place of the one that Python has. Python does not
# notice: `signal.getsignal` still returns the function that was set before the import, and that
# function is never called. A SIGTERM ends the process at once, so a training that saves a checkpoint
# in its handler saves none. Setting what `getsignal` returns once more, after the import, repairs it.
#
# Expected output:
#   getsignal after the import: the handler that was set before
#   not set again: ended by signal 15, handler not called
#   set again: handler called
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  paddlepaddle==3.3.1 numpy==2.4.6 protobuf==6.33.6 setuptools==80.9.0 || exit 2

cat >"$folder/probe.py" <<'PY'
import os
import signal
import sys
import time


def handler(number, frame):
    print("handler called", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, handler)
import paddle  # noqa: E402, F401

same = signal.getsignal(signal.SIGTERM) is handler
print("getsignal:", "the handler" if same else "another", flush=True)
if sys.argv[1] == "again":
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(10)  # Python runs its handlers between two instructions
PY

probe() {
  local status=0
  "$folder/venv/bin/python" "$folder/probe.py" "$1" >"$folder/out" 2>"$folder/err" || status=$?
  echo "$status"
}

as_described=yes
check() { # WHAT FOUND EXPECTED
  if [ "$2" = "$3" ]; then echo "$1"; else
    as_described=no
    echo "changed: expected '$1'; found '$2', expected '$3'"
  fi
}

status=$(probe once)
check "getsignal after the import: the handler that was set before" \
  "$(head -n 1 "$folder/out")" "getsignal: the handler"
check "not set again: ended by signal 15, handler not called" \
  "$status $(grep -c 'handler called' "$folder/out" || true)" "143 0"
status=$(probe again)
check "set again: handler called" \
  "$status $(grep -c 'handler called' "$folder/out" || true)" "0 1"
[ "$as_described" = yes ]
