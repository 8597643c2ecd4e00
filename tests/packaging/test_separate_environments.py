"""An algorithm that pins old packages, served by a `dubhe` of another environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dubhe_sdk import __version__
from tests.dubhe_sdk.service.harness import App
from tests.packaging.conftest import Environment

# None of them could be installed beside dubhe-runtime. gevent 22 has no wheel for Python 3.12 and
# newer, and falcon 2 and kafka-python 2.0.2 cannot be imported there: then they are only installed.
GEVENT = "22.10.2" if sys.version_info < (3, 12) else "24.10.3"
PINS = {"kafka-python": "2.0.2", "gevent": GEVENT, "falcon": "2.0.0"}
IMPORTS = "import falcon, kafka" if sys.version_info < (3, 12) else "pass"

APP = f"""
from gevent import monkey
monkey.patch_all()
{IMPORTS}

from importlib.metadata import version
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgressByEpoch(0, 1.0, {{"loss": 0.5}})
        ctx.logResult({{name: version(name) for name in {list(PINS)}}})
"""


@pytest.fixture(scope="module")
def algorithm(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The algorithm's environment: its pins and dubhe-core."""
    environment = Environment(tmp_path_factory.mktemp("algorithm") / "venv")
    pins = [f"{name}=={version}" for name, version in PINS.items()]
    pins.append("setuptools<81")  # gevent 22 imports pkg_resources
    environment.install("--only-binary", ":all:", *pins, wheels["dubhe-core"])
    return environment


@pytest.fixture(scope="module")
def platform(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment that serves: everything, as people install it."""
    environment = Environment(tmp_path_factory.mktemp("platform") / "venv")
    environment.install(*wheels.values())
    return environment


def without_dubhe(*more: Path) -> str:
    """Return ``PATH`` without the tests' own environment."""
    folders = [f for f in os.environ["PATH"].split(":") if not Path(f, "dubhe").exists()]
    return ":".join([*map(str, more), *folders])


@pytest.mark.parametrize("named_by", ["DUBHE_COMMAND", "PATH"])
def test_trained_to_its_end(
    algorithm: Environment, platform: Environment, tmp_path: Path, named_by: str
) -> None:
    assert platform.run("dubhe", "--version") == f"dubhe-sdk {__version__}\n"
    programs = platform.folder / "bin"
    # Where the algorithm looks for packages is not where its service does.
    vendored = tmp_path / "vendored"
    vendored.mkdir()
    for name in ("gunicorn", "crc32c"):
        (vendored / f"{name}.py").write_text("raise ImportError('of the algorithm')")
    if named_by == "PATH":
        env = {"PATH": without_dubhe(programs)}
    else:
        env = {"PATH": without_dubhe(), "DUBHE_COMMAND": str(programs / "dubhe")}
    env["PYTHONPATH"] = str(vendored)
    with App(tmp_path / "app", APP, protocol="http", env=env) as app:
        app.start([str(algorithm.python), "-u", "app.py"])
        assert app.train()["flag"] == 1
        app.wait_reported("END")
        lines = app.marked.living().values()
        assert [line for line in lines if line.startswith(str(platform.folder)) and " web " in line]
        assert [
            line for line in lines if line.startswith(str(algorithm.folder)) and "model" in line
        ]
        app.terminate()
        assert app.wait() == 0
    assert app.reported == ["READY", "START", "progress", "result", "END 200"]
    assert app.data[3] == PINS


def test_without_any_dubhe_it_says_what_to_install(algorithm: Environment, tmp_path: Path) -> None:
    with App(tmp_path / "app", APP, env={"PATH": without_dubhe()}) as app:
        app.start([str(algorithm.python), "-u", "app.py"], until=None)
        assert app.wait() == 2
        assert "need dubhe-runtime" in app.console
        assert "Install dubhe-sdk" in app.console
        assert "Traceback" not in app.console


def test_another_version_is_refused(
    algorithm: Environment, platform: Environment, tmp_path: Path
) -> None:
    [version] = platform.folder.glob("lib/python*/site-packages/dubhe_sdk/version.py")
    text = version.read_text()
    version.write_text(text.replace(__version__, "3.0.1"))
    try:
        env = {"DUBHE_COMMAND": str(platform.folder / "bin" / "dubhe")}
        with App(tmp_path / "app", APP, env=env) as app:
            app.start([str(algorithm.python), "-u", "app.py"], until=None)
            assert app.wait() == 2
            assert f"has dubhe-core {__version__}, and the `dubhe` that serves it" in app.console
            assert "is version 3.0.1" in app.console
    finally:
        version.write_text(text)
