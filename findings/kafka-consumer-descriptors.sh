#!/usr/bin/env bash
# kafka-python 3.0.12, Linux x86_64, CPython 3.11.
#
# A KafkaConsumer or KafkaAdminClient whose constructor raises, since no broker answers, leaves four
# sockets open, also after a garbage collection: nothing that the caller holds can close them. A
# program that tries again until its broker is there ends after some 250 attempts, of the 1024
# descriptors that are usual, with "Too many open files". A KafkaProducer leaves none.
#
# Expected output:
#   KafkaConsumer: KafkaTimeoutError 5 times, 20 descriptors more
#   KafkaAdminClient: KafkaTimeoutError 5 times, 20 descriptors more
#   KafkaProducer: KafkaTimeoutError 5 times, 0 descriptors more
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q --disable-pip-version-check kafka-python==3.0.12 || exit 2

cat >"$folder/probe.py" <<'PY'
import gc
import logging
import os

import kafka
from kafka.errors import KafkaError

logging.disable(logging.CRITICAL)


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


for kind in (kafka.KafkaConsumer, kafka.KafkaAdminClient, kafka.KafkaProducer):
    before, raised = descriptors(), []
    for _ in range(5):
        try:
            kind(bootstrap_servers="127.0.0.1:1", bootstrap_timeout_ms=300)
        except KafkaError as error:
            raised.append(type(error).__name__)
    names = ", ".join(sorted(set(raised)))
    more = descriptors() - before
    print(f"{kind.__name__}: {names} {len(raised)} times, {more} descriptors more")
PY

"$folder/venv/bin/python" -W ignore "$folder/probe.py" >"$folder/found" || exit 2
sed -n 's/^#   //p' "$0" >"$folder/expected"
cat "$folder/found"
if ! diff "$folder/expected" "$folder/found" >"$folder/difference"; then
  echo "changed: expected (<) and found (>)"
  cat "$folder/difference"
  exit 1
fi
