#!/usr/bin/env bash
# Runs all tests: style, types, then everything else with a real Kafka broker.
#
# Usage: tests/run.sh [--fast] [--rerun] [PYTEST ARGUMENT ...]      for example: tests/run.sh -k spool
#
#   --fast    only what needs nothing but Python (no JDK, browser, Docker engine, root or Debian package)
#             and is quick: about three minutes on two cores. Types are left out. Which tests these are:
#             tests/support/selection.py
#   --rerun   runs failed tests once more, alone; those that pass then are listed and fail nothing
#
# Without --fast it needs Python 3.10 or newer, a JDK 17 or newer, Maven, shellcheck; for the page
# Chromium, a font with Chinese glyphs and npm; for the disk faults faketime, btrfs-progs, e2fsprogs, root and loop devices;
# for networks of its own iproute2, root and /dev/net/tun; for certificates openssl; valgrind counts
# instructions; a C compiler and Python's headers build dubhe-core's accelerator. On Debian or Ubuntu as root it installs what is missing. Everything else goes into
# .cache/ below the project.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

install_debian() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests/run.sh: missing: $*. Install them (JDK 17+, Maven, shellcheck, Python's venv, Chromium, Noto Sans CJK, npm, faketime, btrfs-progs, e2fsprogs, iproute2, openssl, valgrind, a C compiler, Python's headers) and run again." >&2
    exit 2
  fi
  say "installing $*"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

fast=no
runner=pytest
while [ $# -gt 0 ]; do
  case $1 in
  --fast) fast=yes ;;
  --rerun) runner=tests.support.rerun ;;
  *) break ;;
  esac
  shift
done

missing=()
command -v java >/dev/null || missing+=(default-jdk-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v shellcheck >/dev/null || missing+=(shellcheck)
command -v valgrind >/dev/null || missing+=(valgrind)
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
[ -n "$(fc-list :lang=zh 2>/dev/null)" ] || missing+=(fontconfig fonts-noto-cjk)
command -v ip >/dev/null || missing+=(iproute2)
command -v openssl >/dev/null || missing+=(openssl)
command -v npm >/dev/null || missing+=(npm)
command -v faketime >/dev/null || missing+=(faketime)
command -v cc >/dev/null || missing+=(gcc libc6-dev)
[ -e "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))' 2>/dev/null)/Python.h" ] || missing+=(python3-dev)
command -v mkfs.btrfs >/dev/null || missing+=(btrfs-progs)
command -v mkfs.ext4 >/dev/null || missing+=(e2fsprogs)
[ "$fast" = yes ] || [ ${#missing[@]} -eq 0 ] || install_debian "${missing[@]}"

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
  echo "tests/run.sh: python3 is $(python3 -V), expected 3.10 or newer" >&2
  exit 2
}

venv=.cache/test-venv
# What makes the environment up.
made_from=(pyproject.toml {core,sidecar,simulator}/pyproject.toml hatch_build.py dubhe_sdk/version.py)
made_from+=(core/hatch_accelerator.py dubhe_sdk/spool/_stream_state.c)
stamp=$(cat "${made_from[@]}" {tests,docs}/requirements.txt <(python3 -V) | sha256sum | cut -c1-16)
# Where there was no compiler, --fast did without.
accelerator=dubhe_sdk/spool/_stream_state.abi3.so
if [ ! -e "$venv/$stamp" ] || { [ "$fast" = no ] && [ ! -e "$accelerator" ]; }; then
  say "preparing $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt \
    -e ./core -e ./sidecar -e ./simulator -e .
  touch "$venv/$stamp"
fi
export PATH="$PWD/$venv/bin:$PATH"
# Hundreds of processes import the project; it is compiled once.
unset PYTHONDONTWRITEBYTECODE

if [ "$fast" = no ]; then
  say "preparing the Kafka broker"
  python -m tests.kafka.prepare
fi

if [ $# -eq 0 ]; then
  say "ruff"
  ruff check .
  ruff format --check .
fi
if [ $# -eq 0 ] && [ "$fast" = no ]; then
  say "mypy"
  mypy
fi

say "pytest"
processes=2
if [ "$fast" = yes ]; then
  set -- --fast "$@"
  processes=4 # they wait more than they compute
fi
exec python -m "$runner" -n "$processes" --dist loadfile --timeout 300 "$@"
