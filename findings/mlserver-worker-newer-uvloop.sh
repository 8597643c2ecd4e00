#!/usr/bin/env bash
# MLServer 1.7.1 with the uvloop that pip installs beside it (0.23.0), Linux x86_64, CPython 3.11.
#
# MLServer asks for uvloop without an upper bound. Its worker process, which serves every model by
# default, expects that `uvloop.install()` lets `asyncio.get_event_loop()` make a loop; since uvloop
# 0.22 it does not. So no model can be loaded, however small: the server ends after its start, and
# with exit status 0, which a supervisor that restarts at failures takes for a wish to end. With
# uvloop 0.21.0 the same model is ready.
#
# Expected output:
#   uvloop 0.23.0: the worker raises RuntimeError, the server ends by itself with status 0
#   uvloop 0.21.0: the model is ready
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$folder"' EXIT
cat >"$folder/ready.py" <<'PY'
from mlserver import MLModel


class Ready(MLModel):
    async def load(self):
        return True
PY
echo '{"name": "ready", "implementation": "ready.Ready"}' >"$folder/model-settings.json"
read -r http grpc metrics < <(python3 -c '
import socket
taken = [socket.socket() for _ in range(3)]
for each in taken:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in taken))')
echo "{\"http_port\": $http, \"grpc_port\": $grpc, \"metrics_port\": $metrics}" >"$folder/settings.json"

answers() {
  python3 -c '
import sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=2)
except OSError:
    sys.exit(1)' "http://127.0.0.1:$http/v2/models/ready/ready"
}

for version in 0.23.0 0.21.0; do
  python3 -m venv "$folder/$version" || exit 2
  "$folder/$version/bin/pip" install -q --disable-pip-version-check \
    mlserver==1.7.1 "uvloop==$version" >"$folder/pip.log" 2>&1 || exit 2
  (
    cd "$folder"
    exec "$folder/$version/bin/mlserver" start . >"$folder/$version.log" 2>&1
  ) &
  server=$!
  ready=no
  for _ in $(seq 240); do
    ! answers || { ready=yes && break; }
    kill -0 "$server" 2>/dev/null || break
    sleep 0.5
  done
  if [ "$ready" = yes ]; then
    echo "uvloop $version: the model is ready"
    kill "$server"
    wait "$server" || true
  elif ! kill -0 "$server" 2>/dev/null; then
    status=0
    wait "$server" || status=$?
    raised=$(grep -o '^RuntimeError' "$folder/$version.log" | head -1)
    echo "uvloop $version: the worker raises ${raised:-nothing}, the server ends by itself with status $status"
  else
    echo "uvloop $version: neither ready nor ended within two minutes"
    kill "$server"
  fi
done >"$folder/found"

sed -n 's/^#   //p' "$0" >"$folder/expected"
cat "$folder/found"
if ! diff "$folder/expected" "$folder/found" >"$folder/difference"; then
  echo "changed: expected (<) and found (>)"
  cat "$folder/difference"
  exit 1
fi
