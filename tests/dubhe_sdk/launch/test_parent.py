"""The command: its exit status, arguments and environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.launch.support import launch
from tests.dubhe_sdk.service.harness import App


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("kill -SEGV $$", 139),
    ],
)
def test_the_commands_exit_status(tmp_path: Path, command: str, status: int) -> None:
    with App(tmp_path) as app:
        launch(app, "bash", "-c", command)
        assert app.wait() == status
        assert not app.marked.living()


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, "no-such-command")
        assert app.wait() == 127
        assert "dubhe launch: no-such-command: No such file or directory\n" in app.console
        assert not app.marked.living()


@pytest.mark.parametrize("command", [["./run.sh"], ["bash", "run.sh"]])
def test_a_script_that_was_saved_on_windows(tmp_path: Path, command: list[str]) -> None:
    with App(tmp_path) as app:
        (tmp_path / "run.sh").write_bytes(b"#!/bin/bash\r\npython3 -u app.py\r\n")
        launch(app, *command)
        assert app.wait() == 2
        assert "run.sh has Windows line ends (CR LF), which no shell understands" in app.console


def test_a_command_without_rights(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("run.sh", "#!/bin/bash\n")
        launch(app, "./run.sh")
        assert app.wait() == 127
        assert "dubhe launch: ./run.sh: Permission denied\n" in app.console


def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, "printf", "%s|", "-h", "--", "a b", "文", "")
        assert app.wait() == 0
        assert app.console == "-h|--|a b|文||"


def test_the_command_does_not_get_kafkas_secrets(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(
            app, "env", KAFKA_SASL_PASSWORD="hunter2", KAFKA_SSL_KEY_PASSWORD="hunter3", OTHER="x"
        )
        assert app.wait() == 0
        assert "OTHER=x" in app.console
        assert "hunter" not in app.console


@pytest.mark.parametrize("arguments", [[], ["--"]])
def test_no_command(tmp_path: Path, arguments: list[str]) -> None:
    with App(tmp_path) as app:
        app.start([*dubhe_command(), "launch", *arguments], until=None)
        assert app.wait() == 2
        assert "no COMMAND given: write it after --" in app.console


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            {"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "soon"},
            "DUBHE_SHUTDOWN_TIMEOUT_SECONDS is 'soon', expected seconds",
        ),
        (
            {"DUBHE_DRAIN_TIMEOUT_SECONDS": "-1"},
            "DUBHE_DRAIN_TIMEOUT_SECONDS is '-1', expected seconds",
        ),
        (
            {"BOOTSTRAP_SERVERS": "kafka:x"},
            "BOOTSTRAP_SERVERS contains 'kafka:x', expected host[:port]",
        ),
    ],
)
def test_a_malformed_environment(tmp_path: Path, env: dict[str, str], words: str) -> None:
    with App(tmp_path) as app:
        launch(app, "touch", "started", **env)
        assert app.wait() == 2
        assert words in app.console
        assert len(app.console.splitlines()) == 1
        assert not (tmp_path / "started").exists()


def test_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("file", "")
        launch(app, "touch", "started", DUBHE_SPOOL_DIR=str(tmp_path / "file" / "spool"))
        assert app.wait() == 2
        assert app.console == (
            f"dubhe launch: the spool directory {tmp_path}/file/spool cannot be written: Not a "
            "directory. Mount a writable volume there, or name another directory by "
            "DUBHE_SPOOL_DIR\n"
        )
        assert not (tmp_path / "started").exists()
