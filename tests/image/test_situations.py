"""It runs where platforms run things; docs/en/image.md holds the same table."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.docker.containers import TRAIN_ID, Container
from tests.support.waiting import wait_for

WHOLE = ["READY", "START", "progress", "progress", "progress", "END 200"]


def params(**values: Any) -> dict[str, str]:
    """What `APP` is to do."""
    return {"special_params": json.dumps(values)}


def assert_trains(container: Container) -> None:
    """Have it train, end it in order, and look at everything it said."""
    container.wait_reported("READY")
    container.train()
    container.wait_reported("END 200")
    # The engine's log comes after the journal.
    wait_for(lambda: "user " in container.logs and "home True" in container.logs, "the log")
    assert container.stop() == 0
    assert container.reported == WHOLE


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A folder of the host for /temporary that any user may write."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder of the host for the models, likewise."""
    folder = tmp_path / "output"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


SITUATIONS: dict[str, dict[str, Any]] = {
    "root": {},
    "user 12345:0": {"user": "12345:0"},
    "user 12345:12345": {"user": "12345:12345"},
    "read-only": {"read_only": True, "tmpfs": {"/tmp": ""}},
    "read-only, user 12345:0": {"read_only": True, "tmpfs": {"/tmp": ""}, "user": "12345:0"},
    "another init": {"init": True},
    "limits": {"mem_limit": "256m", "nano_cpus": 500_000_000, "pids_limit": 100},
    "no capabilities": {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]},
    "a terminal": {"tty": True},
    "stdin open": {"stdin_open": True},
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_trains_over_both_protocols(
    docker_engine: docker.DockerClient,
    algorithms: dict[str, str],
    protocol: str,
    situation: str,
    temporary: Path,
    output: Path,
) -> None:
    options = SITUATIONS[situation]
    with Container(
        docker_engine,
        algorithms[protocol],
        temporary,
        protocol=protocol,
        volumes=[f"{output}:/app/output"],
        **options,
    ) as container:
        assert_trains(container)
        (model,) = output.rglob("model_*.pth")
        assert model.read_text() == "model"


def test_stdin_closed(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], temporary: Path
) -> None:
    closed = ["sh", "-c", 'exec "$@" <&-', "sh"]
    with Container(
        docker_engine,
        algorithms["http"],
        temporary,
        entrypoint=["/usr/bin/tini", "-s", "--", *closed, "dubhe", "launch", "--"],
        command=["/opt/dubhe/bin/start"],
    ) as container:
        assert_trains(container)


def test_tini_is_the_first_process_then_the_container_parent(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], temporary: Path
) -> None:
    with Container(docker_engine, algorithms["http"], temporary) as container:
        container.wait_reported("READY")
        status, line = container.run("cat", "/proc/1/cmdline")
        assert (status, line.split("\0")[0]) == (0, "/usr/bin/tini")
        rows = container.container.top(ps_args="-eo pid,ppid,args")["Processes"]
        parents = {pid: parent for pid, parent, _ in rows}
        (tini,) = [pid for pid, _, args in rows if args.startswith("/usr/bin/tini")]
        (launch,) = [pid for pid, _, args in rows if "dubhe launch" in args and pid != tini]
        (sidecar,) = [pid for pid, _, args in rows if "dubhe sidecar" in args]
        assert parents[launch] == tini
        assert parents[sidecar] == launch


@pytest.mark.parametrize("user", ["0:0", "12345:0"])
def test_files_in_mounted_folders_are_readable_by_everybody(
    docker_engine: docker.DockerClient,
    algorithms: dict[str, str],
    temporary: Path,
    output: Path,
    user: str,
) -> None:
    with Container(
        docker_engine,
        algorithms["http"],
        temporary,
        user=user,
        volumes=[f"{output}:/app/output"],
    ) as container:
        assert_trains(container)
    made = [*temporary.rglob("*"), *output.rglob("*")]
    assert {"dubhe.log", "cursor.json"} <= {path.name for path in made}
    for path in made:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            assert mode & stat.S_IROTH, path
            assert path.stat().st_uid == int(user.split(":")[0])
        if stat.S_ISDIR(mode):
            assert mode & stat.S_IXOTH, path


def test_a_task_is_stopped_in_order(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], temporary: Path
) -> None:
    environment = params(hold=True, count=2000)
    with Container(
        docker_engine, algorithms["http"], temporary, environment=environment
    ) as container:
        container.wait_reported("READY")
        container.train()
        container.wait_reported("progress", 2000)
        assert container.stop() == 143
        assert container.reported.count("progress") == 2000
        assert container.reported[-1] == "END 300"
        assert "stopped by SIGTERM" in container.end["msg"]


def test_memory_runs_out(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], temporary: Path
) -> None:
    with Container(
        docker_engine,
        algorithms["http"],
        temporary,
        environment=params(eat=True),
        mem_limit="256m",
        memswap_limit="256m",
    ) as container:
        container.wait_reported("READY")
        container.train()
        assert container.wait() == 137
        assert container.reported == [*WHOLE[:-1], "END 300"]
        assert container.end["msg"].endswith(
            "the model process was killed by SIGKILL (the container ran out of memory; its limit "
            "is 256 MiB)"
        )


def test_a_model_killed_by_somebody(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], temporary: Path
) -> None:
    environment = params(hold=True)
    with Container(
        docker_engine, algorithms["http"], temporary, environment=environment
    ) as container:
        container.wait_reported("READY")
        container.train()
        container.wait_reported("progress", 3)
        (model,) = container.pids_of("dubhe.py model")
        os.kill(model, signal.SIGKILL)
        assert container.wait() == 137
        assert "none here was killed for memory" in container.end["msg"]


def test_a_sidecar_that_keeps_dying(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], temporary: Path
) -> None:
    second = 1_000_000_000  # the engine counts in nanoseconds
    with Container(
        docker_engine,
        algorithms["http"],
        temporary,
        environment=params(hold=True),
        healthcheck={"interval": second, "timeout": 5 * second},
    ) as container:
        container.wait_reported("READY")
        container.train()
        killed: set[int] = set()
        while len(killed) < 4:
            found = set(container.pids_of("dubhe sidecar")) - killed
            for pid in found:
                os.kill(pid, signal.SIGKILL)
            killed |= found

        def told() -> bool:
            container.container.reload()
            health = container.container.attrs["State"]["Health"]
            assert health["Status"] != "unhealthy"
            return any("it has died 4 times" in entry["Output"] for entry in health["Log"])

        wait_for(told, "the sidecar's deaths in HEALTHCHECK", 30)
        _, status = container.run("dubhe", "status")
        assert "it has died 4 times" in status and "it was killed by SIGKILL" in status
        container.wait_reported("progress", 3)
        assert container.stop() == 143
        assert container.reported[-1] == "END 300"


def test_health_follows_the_service(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], protocol: str, temporary: Path
) -> None:
    second = 1_000_000_000
    with Container(
        docker_engine,
        algorithms[protocol],
        temporary,
        protocol=protocol,
        healthcheck={"interval": second, "retries": 2},
    ) as container:

        def await_health(wanted: str, words: str) -> None:
            def reached() -> bool:
                container.container.reload()
                health = container.container.attrs["State"]["Health"]
                return health["Status"] == wanted and words in health["Log"][-1]["Output"]

            wait_for(reached, f"{wanted}, {words}")

        ready = f"service online: {TRAIN_ID}, {protocol}, port 8030, ready"
        await_health("healthy", ready)  # it is healthy while the model is loading, too
        (web,) = container.pids_of("dubhe web")[-1:]
        os.kill(web, signal.SIGSTOP)
        await_health("unhealthy", "does not answer")
        os.kill(web, signal.SIGCONT)
        await_health("healthy", ready)


def test_temporary_that_cannot_be_written(
    docker_engine: docker.DockerClient, algorithms: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "roots"
    folder.mkdir(mode=0o755)
    with Container(docker_engine, algorithms["http"], folder, user="12345:0") as container:
        # By hand a folder beside the app takes its place; the platform's container needs it.
        container.wait_logged("READY")
    platform = {
        "PLATFORM_TYPE": "1",
        "PORT": "8030",
        "BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "TOPIC_MODEL_STATUS": "s",
        "TOPIC_MODEL_RESULT": "r",
    }
    with Container(
        docker_engine, algorithms["http"], folder, user="12345:0", environment=platform
    ) as container:
        assert container.wait() == 2
        assert "/temporary" in container.logs and "cannot be written" in container.logs
