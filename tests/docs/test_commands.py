"""The page of commands: each command, option and exit status is what the program has."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.docs.markdown import LANGUAGES
from tests.docs.reference import CODE, commands, tables
from tests.support.environ import clean_environ
from tests.support.ports import reserved_port

_COMMAND_LINE = re.compile(r"^  (?P<name>[a-z]+) {2,}\S", re.M)
_OPTION_LINE = re.compile(r"^  (?P<option>-.*?)(?: {2}|$)", re.M)
_NAME = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
_CHOICES = re.compile(r"\{([\w,]+)\}")
_STATUS = re.compile(r"\b\d{1,3}\b")

BROKEN = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        raise ValueError("no weights")

    @dubhe_sdk.train()
    def train(self, ctx): ...
"""


def dubhe(*arguments: str, cwd: Path | None = None, **variables: str) -> tuple[int, str]:
    """Run the command without what the caller's environment says of the platform."""
    env = clean_environ(COLUMNS="300", LC_ALL="C.UTF-8", **variables)
    done = subprocess.run(
        [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", *arguments],
        cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@cache
def help_of(command: str) -> str:
    status, text = dubhe(command, "--help")
    assert status == 0, text
    return text


def options_of(command: str) -> dict[str, str]:
    """Option → what its help shows of it, for every spelling."""
    listed = help_of(command).partition("\noptions:\n")[2]
    found = {}
    for line in _OPTION_LINE.finditer(listed):
        for name in _NAME.findall(line["option"]):
            found[name] = line["option"]
    return {name: text for name, text in found.items() if name not in ("-h", "--help")}


def documented(command: str, language: str, column: tuple[str, ...]) -> list[list[str]]:
    section = commands(language)[command]
    return [row for table in tables(section) if table.head[0] in column for row in table.rows]


def test_each_command_has_its_section() -> None:
    _, text = dubhe("--help")
    names = {found["name"] for found in _COMMAND_LINE.finditer(text)}
    assert names == set(commands("en")) == set(commands("zh"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", commands("en"))
def test_the_options_are_those_of_the_command(command: str, language: str) -> None:
    rows = documented(command, language, ("option", "选项"))
    named = {name: " ".join(row) for row in rows for name in CODE.findall(row[0]) if name[0] == "-"}
    options = options_of(command)
    assert set(named) == set(options)
    for name, text in options.items():
        for choice in ",".join(_CHOICES.findall(text)).split(","):
            assert f"`{choice}`" in named[name] or not choice, f"{name} takes {choice}"


@pytest.mark.parametrize("command", commands("en"))
def test_the_defaults_are_those_of_the_command(command: str) -> None:
    english = {
        name: row[1]
        for row in documented(command, "en", ("option",))
        for name in CODE.findall(row[0])
    }
    listed = help_of(command).partition("\noptions:\n")[2].splitlines()
    for line in listed:
        default = re.search(r"\(default: (\d[\d.]*)\)", line)
        name = _NAME.search(line)
        if default and name:
            assert f"(default: {default[1]})" in english[name[0]], line


@pytest.mark.parametrize("command", commands("en"))
def test_both_languages_name_the_same_statuses(command: str) -> None:
    def numbers(language: str) -> list[list[str]]:
        rows = documented(command, language, ("status", "退出状态"))
        return [_STATUS.findall(row[0]) for row in rows]

    assert numbers("en") == numbers("zh")


@pytest.mark.parametrize("command", commands("en"))
def test_the_statuses_that_the_help_names_are_documented(command: str) -> None:
    epilog = re.search(r"Exit status:([^.]*)\.", help_of(command))
    named = {row[0] for row in documented(command, "en", ("status",))}
    for status in _STATUS.findall(epilog[1]) if epilog else []:
        assert any(status in cell for cell in named), f"dubhe {command}: {status}"


def report(spool: Path) -> None:
    """Leave a message in a spool that nobody delivers."""
    code = "from dubhe_sdk import Context; Context().logProgress(0.5)"
    env = clean_environ(DUBHE_SPOOL_DIR=str(spool), DUBHE_TEMPORARY=str(spool.parent))
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def serve_broken(at: Path) -> tuple[int, str]:
    (at / "app.py").write_text(BROKEN)
    with reserved_port() as port:
        return dubhe("serve", "app.py", cwd=at, DUBHE_TEMPORARY=str(at), PORT=str(port))


def launch(at: Path, *command: str) -> tuple[int, str]:
    return dubhe("launch", "--", *command, DUBHE_TEMPORARY=str(at))


def drain(at: Path) -> tuple[int, str]:
    report(at / "spool")
    return dubhe("sidecar", "--drain", DUBHE_TEMPORARY=str(at))


def status_of_undelivered(at: Path) -> tuple[int, str]:
    report(at / "spool")
    return dubhe("status", str(at / "spool"))


def unreachable(at: Path) -> tuple[int, str]:
    with reserved_port() as port:
        address = f"http://127.0.0.1:{port}"
        return dubhe("send", "train", address, "--instance", "a-b-train-1", cwd=at)


Case = Callable[[Path], tuple[int, str]]

CASES: dict[tuple[str, int], Case] = {
    ("serve", 1): serve_broken,
    ("serve", 2): lambda at: dubhe("serve", "none.py", cwd=at, DUBHE_TEMPORARY=str(at)),
    ("launch", 0): lambda at: launch(at, "true"),
    ("launch", 7): lambda at: launch(at, "sh", "-c", "exit 7"),
    ("launch", 137): lambda at: launch(at, "sh", "-c", "kill -9 $$"),
    ("launch", 127): lambda at: launch(at, "./none"),
    ("launch", 2): lambda at: dubhe(
        "launch", "--", "true", DUBHE_TEMPORARY=str(at), BOOTSTRAP_SERVERS=":"
    ),
    ("sidecar", 0): drain,
    ("sidecar", 2): lambda at: dubhe("sidecar", DUBHE_TEMPORARY=str(at), BOOTSTRAP_SERVERS=":"),
    ("health", 1): lambda at: dubhe("health", str(at)),
    ("status", 0): lambda at: dubhe("status", str(at)),
    ("status", 1): status_of_undelivered,
    ("status", 2): lambda at: dubhe("status", str(at / "none")),
    ("openapi", 0): lambda _: dubhe("openapi"),
    ("init", 0): lambda at: dubhe("init", "shapes", cwd=at),
    ("init", 2): lambda at: dubhe("init", cwd=at),
    ("play", 2): lambda at: dubhe("play", "--images", "many", cwd=at),
    ("ui", 2): lambda at: dubhe("ui", "--port", "many", cwd=at),
    ("send", 1): unreachable,
    ("send", 2): lambda at: dubhe("send", "train", cwd=at),
    ("build", 2): lambda at: dubhe("build", "--none", cwd=at),
    ("run", 2): lambda at: dubhe("run", "--kind", "none", cwd=at),
}


@pytest.mark.parametrize(("command", "status"), CASES)
def test_a_documented_status_is_what_the_command_returns(
    command: str, status: int, tmp_path: Path
) -> None:
    """Those that are quick to bring about; the commands' own tests have the others."""
    found, text = CASES[command, status](tmp_path)
    assert found == status, text
    named = " ".join(row[0] for row in documented(command, "en", ("status",)))
    is_signal = "128 + N" in named and status > 128
    assert str(status) in _STATUS.findall(named) or is_signal or "COMMAND's" in named
