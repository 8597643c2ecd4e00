"""``dubhe init``: what it writes runs, passes its own test, and is played by ``dubhe play``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_simulator.algorithm.template import FRAMEWORKS
from dubhe_simulator.instances.docker.dockerfile import bases
from tests.dubhe_simulator.instances.docker.support import dubhe
from tests.support.distributions import build_wheels
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
# `python3` of the scripts: the interpreter that has the SDK.
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def written(folder: Path, *options: str) -> Path:
    done = dubhe("init", folder, *options)
    assert done.returncode == 0, done.stdout
    return folder


def send(folder: Path, protocol: str, port: int, request: str) -> dict[str, object]:
    """Send a sample by the command that the README shows."""
    readme = (folder / "README.md").read_text()
    [line] = re.findall(r"^dubhe send train .*$", readme, re.MULTILINE)
    assert f"{protocol}://" in line
    command = line.replace(":8030", f":{port}").replace("train", request).split()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {"failed": done.stderr}


def test_it_says_what_comes_next(tmp_path: Path) -> None:
    done = dubhe("init", "my shapes", cwd=tmp_path)
    assert "my shapes is ready: a runnable algorithm (http)" in done.stdout
    assert "cd 'my shapes'" in done.stdout
    for step in ("dubhe play", "python3 -m pytest", "dubhe build", "dubhe run --kind train"):
        assert step in done.stdout


def test_the_files(tmp_path: Path) -> None:
    folder = written(tmp_path / "shapes")
    names = {path.name for path in folder.iterdir()}
    expected = {"app.py", "run.sh", "Dockerfile", ".dockerignore", ".gitignore", "requests"}
    assert names >= {
        *expected,
        "data",
        "README.md",
        "test_app.py",
        "requirements.txt",
        "prepare.py",
    }
    dockerfile = (folder / "Dockerfile").read_text()
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    assert lines == ["FROM dubhe-base", "COPY . /app"]
    assert bases(dockerfile) == ["dubhe-base"]
    assert "@" not in (folder / "README.md").read_text().replace("@requests", "")
    images = list((folder / "data").rglob("*.bmp"))
    assert len(images) == 93
    assert all(path.stat().st_size == 822 for path in images)


def test_the_images_are_the_same_every_time(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a"), written(tmp_path / "b")
    # As the compose file has it done, for data that lie elsewhere.
    subprocess.run([sys.executable, "prepare.py", str(tmp_path / "data")], cwd=one, check=True)
    for path in (one / "data").rglob("*.bmp"):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()
        assert path.read_bytes() == (tmp_path / path.relative_to(one)).read_bytes()


def test_it_passes_its_own_test(tmp_path: Path) -> None:
    folder = written(tmp_path / "shapes")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_it_runs_by_hand(tmp_path: Path, protocol: str) -> None:
    folder = written(tmp_path / "shapes", "--protocol", protocol)
    with reserved_port() as port:
        env = {**os.environ, "PATH": PATH, "PORT": str(port)}
        env["DUBHE_TEMPORARY"] = str(folder / "temporary")
        log = folder / "temporary" / "log" / "dubhe.log"
        with subprocess.Popen(["bash", "run.sh"], cwd=folder, env=env) as process:
            try:
                wait_for(lambda: log.exists() and "READY" in log.read_text(), "READY")
                reply = send(folder, protocol, port, "train")
                assert reply == {"flag": 1, "message": "model train starting now"}
                refused = send(folder, protocol, port, "evaluate")
                assert "failed" in refused  # a training instance
                wait_for(lambda: "END 200" in log.read_text(), "END")
            finally:
                process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
    assert len(list((folder / "output" / "models").glob("model_*.json"))) == 20


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_it_is_played(tmp_path: Path, protocol: str) -> None:
    folder = written(tmp_path / "shapes", "--protocol", protocol)
    done = dubhe("play", folder, "--runs-dir", tmp_path / "runs")
    assert done.returncode == 0, done.stdout
    assert f"({protocol})" in done.stdout
    found = re.search(r"^Evaluation: accuracy ([\d.]+) \(\d+ of 18\)$", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    assert float(found[1]) > 0.8


def test_the_requests_name_images_that_are_there(tmp_path: Path) -> None:
    folder = written(tmp_path / "shapes")
    requests = {path.stem: json.loads(path.read_text()) for path in folder.glob("requests/*")}
    assert sorted(requests) == ["evaluate", "infer", "train"]
    assert all(Path(path).is_dir() for path in requests["train"]["data_paths"])
    base = Path(requests["infer"]["image_base_dir"])
    assert all((base / name).is_file() for name in requests["infer"]["image_names"])


def test_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine")
    done = dubhe("init", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path} exists and is not empty" in done.stdout
    assert (tmp_path / "app.py").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]
    assert dubhe("init", tmp_path, "--force").returncode == 0
    assert "dubhe_sdk" in (tmp_path / "app.py").read_text()


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert dubhe("init", ".", cwd=tmp_path).returncode == 0
    assert (tmp_path / "run.sh").is_file()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_example_of_a_framework(tmp_path: Path, framework: str) -> None:
    done = dubhe("init", "plates", "--framework", framework, "--protocol", "tcp", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for step in ("pip install -r requirements.txt", "python3 prepare.py", "dubhe play"):
        assert step in done.stdout
    # The images come with the step that draws them.
    assert "sample data are made by prepare.py" in done.stdout
    assert "sample images" not in done.stdout
    folder, example = tmp_path / "plates", ROOT / "examples" / framework
    assert (folder / "app.py").read_bytes() == (example / "app.py").read_bytes()
    assert 'export protocol="tcp"' in (folder / "run.sh").read_text()
    assert {".dockerignore", "Dockerfile", "prepare.py"} <= {path.name for path in folder.iterdir()}
    assert framework in (folder / "requirements.txt").read_text()
    readme = (folder / "README.md").read_text()
    assert "../.." not in readme and "pip install -r requirements.txt" in readme


def test_an_algorithm_without_images(tmp_path: Path) -> None:
    done = dubhe("init", "pump", "--data", "table", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "python3 prepare.py" in done.stdout
    assert "requirements.txt" not in done.stdout
    folder, example = tmp_path / "pump", ROOT / "examples" / "sensor"
    for name in ("app.py", "signals.py", ".dockerignore"):
        assert (folder / name).read_bytes() == (example / name).read_bytes()
    both = dubhe("init", "x", "--data", "table", "--framework", "paddle", cwd=tmp_path)
    assert both.returncode == 2


def test_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, said in (("file", "is not a folder"), ("file/below", "cannot be written")):
        done = dubhe("init", tmp_path / name)
        assert done.returncode == 1
        assert said in done.stdout


def test_nobody_reads_what_is_next(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "init", tmp_path / "x"],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x" / "app.py").is_file()


def test_in_chinese(tmp_path: Path) -> None:
    assert "接下来" in dubhe("init", tmp_path / "x", env={"LC_ALL": "zh_CN.UTF-8"}).stdout


@pytest.mark.parametrize("options", [[], ["--protocol", "grpc", "x"]])
def test_wrong_use(options: list[str]) -> None:
    assert dubhe("init", *options).returncode == 2


@pytest.mark.slow
def test_from_the_wheel_in_a_fresh_environment(tmp_path: Path) -> None:
    """What is installed has every file, and needs neither the project nor any other package."""

    def run(*command: object) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return f"{done.stdout}\nstatus {done.returncode}"

    wheels = build_wheels(tmp_path / "dist").values()
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python3"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", *wheels)
    dubhe_command = tmp_path / "venv" / "bin" / "dubhe"
    said = run(dubhe_command, "init", "shapes")
    assert said.endswith("status 0"), said
    here = written(tmp_path / "here")
    assert tree(tmp_path / "shapes") == tree(here)
    for framework in FRAMEWORKS:
        said = run(dubhe_command, "init", framework, "--framework", framework)
        assert said.endswith("status 0"), said
        here = written(tmp_path / f"{framework}-here", "--framework", framework)
        assert tree(tmp_path / framework) == tree(here)
    said = run(dubhe_command, "build", "shapes")
    assert "pip install 'docker>=7'" in said, said
    assert said.endswith("status 1")


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
