#!/usr/bin/env bash
# The local platform with the digits example on this machine: ./run.sh --help
#
# Needs Python 3.10 or newer and nothing else. Prepares a private environment below .cache/ once
# (pip's own configuration decides where packages come from), and again when what it is made
# from changes: a pyproject.toml, the version, the example's requirements or Python.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
example=$root/examples/digits
cache=$root/.cache
venv=$cache/run-venv
log=$cache/run-venv.log

job= # the process group of the step under way
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH PYTHONHOME # a private environment

locale=${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}

# say ENGLISH CHINESE: progress goes to standard error, so that the platform alone is on the output.
say() {
    case $locale in
    zh* | ZH*) printf '%s\n' "$2" >&2 ;;
    *) printf '%s\n' "$1" >&2 ;;
    esac
}

die() {
    say "$1" "$2"
    exit 1
}

find_python() {
    local candidate path
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10 python; do
        [[ -n $candidate ]] || continue
        path=$(command -v -- "$candidate") || continue
        if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            python=$path
            return
        fi
    done
    die "Python 3.10 or newer is needed and was not found. Install it (Debian, Ubuntu: apt-get install python3 python3-venv; Fedora, RHEL: dnf install python3.11), or set PYTHON=/path/to/python3." \
        "需要 Python 3.10 或更新版本,但没有找到。请先安装(Debian、Ubuntu:apt-get install python3 python3-venv;Fedora、RHEL:dnf install python3.11),或设置 PYTHON=/path/to/python3。"
}

# What the environment was made from; another value means that it has to be made again.
fingerprint() {
    "$python" - "$root"/{.,core,sidecar,simulator}/pyproject.toml "$root/hatch_build.py" \
        "$root/dubhe_sdk/version.py" "$example/requirements.txt" "$root" <<'PYTHON'
import hashlib, pathlib, platform, sys

*files, root = sys.argv[1:]
seen = hashlib.sha256(f"{sys.executable} {platform.python_version()} {root}".encode())
for name in files:
    seen.update(pathlib.Path(name).read_bytes())
print(seen.hexdigest()[:16])
PYTHON
}

prepare_environment() {
    local wanted
    wanted=$(fingerprint)
    if [[ -x $venv/bin/dubhe && -f $venv/.made-from && $(<"$venv/.made-from") == "$wanted" ]]; then
        return
    fi
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        die "$python has no venv module. Install it: Debian, Ubuntu: apt-get install python3-venv (or, if that is not enough, python3.X-venv of the same version); elsewhere: a complete Python." \
            "$python 缺少 venv 模块,请先安装:Debian、Ubuntu:apt-get install python3-venv(仍不行则安装同版本的 python3.X-venv);其他系统:安装完整的 Python。"
    : >"$log"
    say "Preparing a private environment in $venv (once; about a minute)" \
        "正在准备独立环境 $venv(仅第一次,约一分钟)"
    step "  1/3 creating it" "  1/3 创建环境" "$python" -m venv --clear "$venv"
    step "  2/3 installing dubhe-sdk" "  2/3 安装 dubhe-sdk" \
        "$venv/bin/python" -m pip install \
        -e "$root/core" -e "$root/sidecar" -e "$root/simulator" -e "$root"
    step "  3/3 installing what the example needs" "  3/3 安装示例所需的包" \
        "$venv/bin/python" -m pip install -r "$example/requirements.txt"
    printf '%s\n' "$wanted" >"$venv/.made-from"
}

# step ENGLISH CHINESE COMMAND…: run it quietly; show what it said only if it fails.
step() {
    local english=$1 chinese=$2
    shift 2
    say "$english" "$chinese"
    printf '\n$ %s\n' "$*" >>"$log"
    # A process group of its own, so that Ctrl-C ends pip together with what pip has started.
    set -m
    "$@" >>"$log" 2>&1 </dev/null 9>&- &
    job=$!
    set +m
    if wait "$job"; then
        job=
        return
    fi
    job=
    tail -n 15 "$log" >&2
    die "This step failed; everything it said is in $log. Without a network, point pip at a mirror: pip config set global.index-url URL" \
        "这一步失败了,完整输出在 $log。网络不通时请为 pip 配置镜像:pip config set global.index-url URL"
}

# Only while preparing: later this process is the platform, which handles signals itself.
interrupted() {
    if [[ -n $job ]]; then
        kill -TERM -- "-$job" 2>/dev/null || true
        wait "$job" 2>/dev/null || true
    fi
    say "Interrupted; the next ./run.sh begins anew." "已中断;下次运行 ./run.sh 将重新开始。"
    exit "$1"
}

show_help() {
    say "./run.sh [OPTIONS]: prepares a private environment and runs: dubhe ui examples/digits [OPTIONS], a page on which everything can be done and watched.
./run.sh --no-ui [OPTIONS]: runs instead: dubhe play examples/digits [OPTIONS], all by itself in the terminal." \
        "./run.sh [选项]:准备独立环境,然后运行:dubhe ui examples/digits [选项],在页面上操作和查看。
./run.sh --no-ui [选项]:改为运行:dubhe play examples/digits [选项],在终端里自动跑完。"
    # Needs the standard library alone, so there is nothing to prepare.
    export PYTHONPATH=$root:$root/simulator
    printf '\n'
    "$python" -c 'from dubhe_simulator.commands.ui import main; main(["--help"])'
    printf '\n'
    exec "$python" -c 'from dubhe_simulator.commands.play import main; main(["--help"])'
}

main() {
    find_python
    local option command=ui options=()
    for option in "$@"; do
        case $option in
        -h | --help) show_help ;;
        --no-ui) command=play ;;
        *) options+=("$option") ;;
        esac
    done
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    mkdir -p "$cache"
    # Two starts at once must not build one environment.
    if command -v flock >/dev/null; then
        exec 9>"$cache/run-venv.lock"
        flock -n 9 || {
            say "Waiting for another ./run.sh that is preparing" "另一个 ./run.sh 正在准备,请稍候"
            flock 9
        }
        prepare_environment
        "$venv/bin/python" "$example/prepare.py" >>"$log" 9>&-
        exec 9>&-
    else
        prepare_environment
        "$venv/bin/python" "$example/prepare.py" >>"$log"
    fi
    # exec: signals and the exit status are the platform's own.
    exec "$venv/bin/dubhe" "$command" "$example" --runs-dir "$root/runs" ${options[@]+"${options[@]}"}
}

main "$@"
