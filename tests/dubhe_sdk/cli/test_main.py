from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dubhe_sdk
from dubhe_sdk.cli import main as cli
from dubhe_sdk.process.command import dubhe_command
from tests.support.environ import clean_environ

DUBHE = dubhe_command()


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DUBHE, *arguments],
        cwd=cwd,
        env=clean_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command_with_a_sentence(flag: str) -> None:
    done = run(flag)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("serve", "launch", "sidecar", "status", "play"):
        (line,) = [text for text in done.stdout.splitlines() if text.startswith(f"  {name} ")]
        assert len(line.split()) > 3
    assert "  web " not in done.stdout  # internal
    assert "  model " not in done.stdout


@pytest.mark.parametrize("name", ["serve", "launch", "sidecar", "status", "play"])
def test_every_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: dubhe {name}" in done.stdout


def test_version() -> None:
    assert run("--version").stdout == f"dubhe-sdk {dubhe_sdk.__version__}\n"


def test_no_command_at_all() -> None:
    done = run()
    assert done.returncode == 2
    assert "usage: dubhe COMMAND" in done.stdout


def test_an_unknown_command() -> None:
    done = run("srve")
    assert done.returncode == 2
    assert done.stderr.startswith("dubhe: there is no command 'srve'\n")
    assert "usage: dubhe COMMAND" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve"], "required: APP"),
        (["serve", "nothing.py"], "nothing.py is not a file: name the algorithm's app.py"),
        (["launch"], "no COMMAND given"),
        (["serve", "--nonsense", "app.py"], "--nonsense"),
    ],
)
def test_wrong_usage_is_status_2(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_installed_command_is_the_same() -> None:
    installed = Path(sys.executable).with_name("dubhe")
    done = subprocess.run([installed, "--version"], capture_output=True, env=clean_environ())
    assert done.stdout.decode() == run("--version").stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(tmp_path: Path, closed: str) -> None:
    # What is opened next would otherwise become the console: a file of the app, say.
    program = (
        "import os, sys; print('out'); print('err', file=sys.stderr); os.open('file', os.O_CREAT); "
        "open('result', 'w').write(str([os.fstat(fd).st_ino > 0 for fd in range(3)]))"
    )
    command = shlex.join([*DUBHE, "launch", "--", sys.executable, "-c", program])
    env = clean_environ(DUBHE_TEMPORARY=str(tmp_path / "temporary"))
    done = subprocess.run(["bash", "-c", f"{command} {closed}"], cwd=tmp_path, env=env, timeout=20)
    assert done.returncode == 0
    assert (tmp_path / "result").read_text() == "[True, True, True]"
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
@pytest.mark.parametrize(("arguments", "status"), [("--help", 0), ("", 2), ("nothing", 2)])
def test_closed_standard_streams_do_not_change_the_status(
    closed: str, arguments: str, status: int
) -> None:
    command = f"{shlex.join(DUBHE)} {arguments} {closed}"
    done = subprocess.run(
        ["bash", "-c", command], env=clean_environ(), capture_output=True, text=True
    )
    assert done.returncode == status
    assert "Traceback" not in done.stdout + done.stderr


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(argv: list[str]) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    monkeypatch.setattr(cli, "_find", lambda name: interrupted)
    assert cli.main(["anything"]) == 130


def test_commands_of_other_packages_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name, module = "extra", "json.tool"

        def load(self) -> object:
            return lambda argv: len(argv)

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Entry()])
    assert cli.main(["extra", "a", "b"]) == 2
    assert cli.main(["status"]) == 2
