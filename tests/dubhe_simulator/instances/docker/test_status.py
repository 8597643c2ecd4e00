"""How a container ended, from what the engine says; a real OOM kill is in `test_backend`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.instances.base import ExitInfo
from dubhe_simulator.instances.docker.spec import ContainerSpec
from dubhe_simulator.instances.docker.status import REMOVED, exit_of, refusal
from tests.support.languages import in_both_languages

GONE = {"Status": "exited", "ExitCode": 137, "OOMKilled": False, "Error": ""}


def found(memory: int = 0, **state: object) -> dict[str, Any]:
    return {"State": {**GONE, **state}, "HostConfig": {"Memory": memory}}


def test_one_that_runs_has_not_ended() -> None:
    assert exit_of(found(Status="running"), killed=False) is None
    assert exit_of(found(Status="paused"), killed=False) is None


def test_an_end_without_more_to_say() -> None:
    assert exit_of(found(), killed=True) == ExitInfo(137, killed=True)


@pytest.mark.parametrize(
    ("facts", "english", "chinese"),
    [
        (
            found(256 << 20, OOMKilled=True),
            "the memory limit (256 MiB) was exceeded, and a process was killed: raise it with "
            "--memory",
            "超出内存限制（256 MiB），有进程被杀死：请用 --memory 调大",
        ),
        (
            found(Error="no such device"),
            "the Docker engine reports: no such device",
            "Docker 引擎报告：no such device",
        ),
    ],
)
def test_the_engine_knows_why(facts: dict[str, Any], english: str, chinese: str) -> None:
    ended = exit_of(facts, killed=False)
    assert ended is not None and (why := ended.reason) is not None
    assert in_both_languages(lambda: why.text) == (english, chinese)


def test_one_that_is_gone() -> None:
    why = REMOVED.reason
    assert why is not None
    texts = ("somebody removed the container", "容器已被删除")
    assert in_both_languages(lambda: why.text) == texts


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        (
            "Bind for 127.0.0.1:8030 failed: port is already allocated",
            "port 8030 is in use: choose another with --port, or omit it for a free one",
            "端口 8030 已被占用：请用 --port 换一个，或不指定以自动选择",
        ),
        (
            "could not select device driver",
            "the engine cannot give GPUs to containers (could not select device driver). Install "
            "the NVIDIA driver and nvidia-container-toolkit, then restart Docker; or omit --gpus",
            "引擎无法为容器提供 GPU（could not select device driver）。请安装 NVIDIA 驱动和 "
            "nvidia-container-toolkit 并重启 Docker；或去掉 --gpus",
        ),
        (
            'The container name "/x" is already in use by container y',
            "container x already exists: remove it (`docker rm x`) or choose another name with "
            "--name",
            "已有名为 x 的容器：请删除它（`docker rm x`）或用 --name 换一个名字",
        ),
        ("no space left on device", "no space left on device", "no space left on device"),
    ],
)
def test_why_it_does_not_start(text: str, english: str, chinese: str) -> None:
    spec = ContainerSpec(
        "net", TaskKind.TRAIN, "a-b-train-1", Path("/runs"), name="x", user="1:1", port=8030
    )
    assert in_both_languages(lambda: refusal(Exception(text), spec)) == (english, chinese)


def test_a_process_that_its_container_has_survived_is_no_reason() -> None:
    ended = exit_of(found(OOMKilled=True, ExitCode=0), killed=False)
    assert ended == ExitInfo(0)
