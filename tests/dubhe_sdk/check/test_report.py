"""What `dubhe check` says of algorithms as people write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dubhe_sdk.compat import refusal
from dubhe_sdk.process.command import dubhe_command
from tests.support.environ import clean_environ

SOUND = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.train()
    def fit(self, ctx):
        def batches():
            yield 1
        return list(batches())
"""
RUN_SH = "#!/bin/bash\nexport protocol=http\npython3 -u app.py\n"


def check(folder: Path, app: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [*dubhe_command(), "check", *([app] if app else [])],
        cwd=folder,
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def wrong(folder: Path, app: str = "") -> list[str]:
    _, text = check(folder, app)
    return [line[len("wrong: ") :] for line in text.splitlines() if line.startswith("wrong: ")]


def test_a_sound_algorithm(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(SOUND + '\nif __name__ == "__main__":\n    print(Model)\n')
    (tmp_path / "run.sh").write_text(RUN_SH.replace("app.py", "main.py"))
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "requirements.txt").write_text("numpy>=1\n# torch\n-r more.txt\ndubhe-core\n")
    status, text = check(tmp_path)
    assert status == 0, text
    assert text.splitlines() == [
        "main.py is served",
        "train: Model.fit (main.py:5)",
        "predict: no method is marked @dubhe_sdk.predict()",
        "inference: no method is marked @dubhe_sdk.inference()",
        'main.py:14: the block `if __name__ == "__main__":` does not run in the service',
        "nothing is wrong",
    ]


def test_classes_of_imported_modules(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "__init__.py").write_text("from .parts import model")
    (tmp_path / "net" / "parts").mkdir()
    (tmp_path / "net" / "parts" / "model.py").write_text(SOUND)
    (tmp_path / "app.py").write_text("import os, net\n")
    status, text = check(tmp_path, "app.py")
    assert status == 0, text
    assert "train: Model.fit (model.py:5)" in text


CLASSES = {
    "nothing is marked": ("class Model: pass", "no class is marked @dubhe_sdk.pipeline()"),
    "the class is not": (
        SOUND.replace("@dubhe_sdk.pipeline()", ""),
        "class Model has marked methods, but is not marked itself",
    ),
    "the methods are not": (
        SOUND.replace("@dubhe_sdk.train()", ""),
        "class Model is marked, but none of its methods is",
    ),
    "no constructor": (
        SOUND.replace("def __init__(self, ctx): pass", ""),
        "class Model has no __init__(self, ctx)",
    ),
    "async": (SOUND.replace("def fit", "async def fit"), "fit is async; expected a plain method"),
    "a generator": (
        SOUND.replace("return list(batches())", "yield from batches()"),
        "fit is a generator",
    ),
    "two of a kind": (
        SOUND + SOUND.replace("class Model", "class Other"),
        "2 methods are marked train: Model.fit (app.py:5), Other.fit (app.py:17); keep one",
    ),
    "a syntax error": ("def f(:\n", "app.py:1 cannot be parsed"),
}


@pytest.mark.parametrize("what", CLASSES)
def test_what_is_wrong_with_classes(tmp_path: Path, what: str) -> None:
    source, expected = CLASSES[what]
    (tmp_path / "app.py").write_text(source)
    assert check(tmp_path)[0] == 1
    assert any(expected in line for line in wrong(tmp_path))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import dubhe_sdk.param.train", "dubhe_sdk.param"),
        ("from dubhe_sdk import param", "dubhe_sdk.param"),
        ("from dubhe_sdk.service.ADCkafka import Kafka", "dubhe_sdk.service.ADCkafka"),
        ("print(dubhe_sdk.http_server.run.it)", "dubhe_sdk.http_server"),
        ("from dubhe_sdk.config import INSTANCE_ID, Config", "dubhe_sdk.config.Config"),
        ("dubhe_sdk.service.Logger.unknown()", "dubhe_sdk.service.Logger.unknown"),
    ],
)
def test_names_of_2x_that_do_not_work(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / "app.py").write_text(f"{SOUND}\n{line}\n")
    (found,) = wrong(tmp_path)
    assert found == f"app.py:14: {refusal(name)}"
    assert found.startswith(f"app.py:14: {name} of dubhe-sdk 2.x does not exist here; ")


def test_names_of_2x_that_work(tmp_path: Path) -> None:
    lines = (
        "from dubhe_sdk import config",
        "from dubhe_sdk.config import *",
        "from dubhe_sdk.config import INSTANCE_ID, PORT",
        "from dubhe_sdk.service import Logger",
        "from dubhe_sdk.service.Logger import logger",
        "from dubhe_sdk.service.context import Context",
        "dubhe_sdk.service.Logger.info('text')",
        "def f(ctx): return ctx.local_logger, ctx.key_map",
    )
    (tmp_path / "app.py").write_text("\n".join([SOUND, *lines]))
    assert check(tmp_path)[0] == 0, wrong(tmp_path)


SCRIPTS = {
    RUN_SH.replace("\n", "\r\n"): "run.sh has Windows line ends (CR LF)",
    RUN_SH.replace("export ", ""): "sets protocol without `export`",
    RUN_SH.replace("http", "https"): "sets protocol=https, expected http or tcp",
    "python3 -u app.py\n": "sets no protocol, so it is tcp",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_run_sh(tmp_path: Path, script: str) -> None:
    (tmp_path / "app.py").write_text(SOUND)
    (tmp_path / "run.sh").write_bytes(script.encode())
    (tmp_path / "run.sh").chmod(0o755)
    (found,) = wrong(tmp_path)
    assert SCRIPTS[script] in found


def test_a_run_sh_that_cannot_be_executed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SOUND)
    (tmp_path / "run.sh").write_text(RUN_SH)
    (tmp_path / "run.sh").chmod(0o644)
    (found,) = wrong(tmp_path)
    assert "cannot be executed: chmod +x run.sh" in found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dubhe-sdk==2.14", "an earlier package"),
        ("dubhe_sdk < 2.15", "an earlier package"),
        ("kafka-python==2.0.2", "DUBHE_COMMAND"),
    ],
)
def test_requirements(tmp_path: Path, line: str, expected: str) -> None:
    (tmp_path / "app.py").write_text(SOUND)
    (tmp_path / "requirements.txt").write_text(f"numpy\n{line}\ndubhe-sdk>=3\n")
    (found,) = wrong(tmp_path)
    assert found.startswith("requirements.txt:2 asks for ") and expected in found


def test_nothing_to_check(tmp_path: Path) -> None:
    assert check(tmp_path)[0] == 2
    status, text = check(tmp_path, "missing.py")
    assert status == 2 and "missing.py does not exist" in text
