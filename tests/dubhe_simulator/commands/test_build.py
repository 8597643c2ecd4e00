"""``dubhe build`` with the real engine."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.docker.mirror import PackageMirror
from tests.dubhe_simulator.instances.docker.support import (
    as_nobody,
    dubhe,
    image_tag,
    read_until,
    start,
)
from tests.support.distributions import ROOT
from tests.support.waiting import wait_for

EXAMPLES = ROOT / "examples"


@pytest.fixture
def tag(docker_engine: docker.DockerClient) -> Iterator[str]:
    with image_tag(docker_engine) as name:
        yield name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An algorithm in a folder of its own name."""
    place = tmp_path / f"dubhe-test-cli-{uuid.uuid4().hex[:10]}"
    place.mkdir()
    (place / "app.py").write_text("import dubhe_sdk\n")
    return place


def dockerfile(folder: Path, *lines: str) -> None:
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")


def run(engine: docker.DockerClient, tag: str, *command: str) -> str:
    return engine.containers.run(tag, entrypoint=list(command), remove=True).decode()


def test_the_folders_name_is_the_images(
    docker_engine: docker.DockerClient, base_image: str, folder: Path
) -> None:
    # A name of its own for the base: other tests build dubhe-base again (Compose, another worker),
    # and steps are cached for one image alone, whatever its name.
    base = f"dubhe-base:{folder.name}"
    docker_engine.images.get(base_image).tag(*base.split(":"))
    dockerfile(folder, f"FROM {base}", "COPY . /app")
    (folder / ".dockerignore").write_text("# 数据\n\ndata/\n*.log\n!keep.log\n")
    for name in ("data/1.png", "a.log", "keep.log", "sub/b.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(folder.name)  # new to an engine that other runs have used
    with image_tag(docker_engine, base), image_tag(docker_engine, folder.name) as tag:
        done = dubhe("build", cwd=folder)
        assert done.returncode == 0, done.stdout
        assert f"Building {tag} from {folder}\n  1/2  FROM {base}\n  2/2  COPY . /app\n" in (
            done.stdout
        )
        assert "0 of 1 steps were cached" in done.stdout
        assert "Next: dubhe run --kind train" in done.stdout
        again = dubhe("build", folder)
        assert "1 of 1 steps were cached" in again.stdout, again.stdout
        assert f"Next: dubhe run {tag} --kind train" in again.stdout
        assert "0 of 1 steps were cached" in dubhe("build", folder, "--no-cache").stdout
        found = run(docker_engine, tag, "find", "/app", "-type", "f").split()
        assert sorted(found) == [
            "/app/.dockerignore",
            "/app/Dockerfile",
            "/app/app.py",
            "/app/keep.log",
            "/app/sub/b.txt",
        ]


def test_packages_from_a_named_index(
    docker_engine: docker.DockerClient, base_image: str, folder: Path, tag: str
) -> None:
    dockerfile(folder, "FROM dubhe-base", "RUN pip install --no-cache-dir six", "COPY . /app")
    with PackageMirror("six") as mirror:
        options = ("-t", tag, "--index-url", mirror.url, "--network", "host")
        done = dubhe("build", folder, "-v", *options)
        assert done.returncode == 0, done.stdout
        assert "  | Successfully installed six" in done.stdout
        quiet = dubhe("build", folder, "--no-cache", *options)
        assert "Successfully installed" not in quiet.stdout
    assert run(docker_engine, tag, "python3", "-c", "import six; print(six.__name__)") == "six\n"
    environment = docker_engine.images.get(tag).attrs["Config"]["Env"]
    assert not [line for line in environment if "PIP_INDEX_URL" in line]


def test_the_examples_opencv_does_without_a_desktop(
    docker_engine: docker.DockerClient, base_image: str, folder: Path, tag: str
) -> None:
    files = [EXAMPLES / name / "Dockerfile" for name in ("ultralytics", "mmengine")]
    [text] = {path.read_text() for path in files}
    (folder / "Dockerfile").write_text(text)
    (folder / "requirements.txt").write_text("opencv-python\n")  # both frameworks require it
    with PackageMirror("opencv-python", "opencv-python-headless") as mirror:
        done = dubhe(
            "build", folder, "-v", "-t", tag, "--index-url", mirror.url, "--network", "host"
        )
    assert done.returncode == 0, done.stdout
    assert run(docker_engine, tag, "python3", "-c", "import cv2; print('read')") == "read\n"


def test_a_failing_step_is_named_with_the_end_of_its_output(
    base_image: str, folder: Path, tag: str
) -> None:
    command = "for i in $(seq 100); do echo line $i; done; exit 3"
    dockerfile(folder, "FROM dubhe-base", f"RUN {command}", "COPY . /app")
    done = dubhe("build", folder, "-t", tag)
    assert done.returncode == 1
    assert "  | line 100\n" in done.stdout
    assert "line 80\n" not in done.stdout
    assert f"Failed: step 2/3  RUN {command}: " in done.stdout
    assert "returned a non-zero code: 3" in done.stdout


def test_another_base(
    docker_engine: docker.DockerClient, base_image: str, folder: Path, tag: str
) -> None:
    dockerfile(folder, "FROM dubhe-base:none-such", "COPY . /app")
    done = dubhe("build", folder, "-t", tag, "--base", base_image)
    assert done.returncode == 0, done.stdout
    assert "1/2  FROM dubhe-base\n" in done.stdout
    assert run(docker_engine, tag, "ls", "/app").split() == ["Dockerfile", "app.py"]


def test_a_base_that_is_not_here(docker_engine: docker.DockerClient, folder: Path) -> None:
    dockerfile(folder, "FROM dubhe-base:none-such", "COPY . /app")
    done = dubhe("build", folder)
    assert done.returncode == 1
    assert "the base image dubhe-base:none-such is not on this engine" in done.stdout
    assert "docker build -t dubhe-base ." in done.stdout


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["FROM debian"], ["--base", "x"], "has no `FROM dubhe-base`"),
        (["FROM dubhe-base"], ["-t", "No Name"], "invalid tag 'No Name'"),
        (["FROM dubhe-base", "NONSENSE x"], [], "unknown instruction: NONSENSE"),
        (["FROM dubhe-base", "COPY none-such /x"], [], "none-such"),
        (["FROM dubhe-base", "RUN --mount=type=cache,target=/x true"], [], "DOCKER_BUILDKIT=1"),
    ],
)
def test_what_cannot_be_built_is_told(
    base_image: str, folder: Path, lines: list[str], options: list[str], said: str
) -> None:
    dockerfile(folder, *lines)
    done = dubhe("build", folder, *options)
    assert done.returncode == 1
    assert "Failed: " in done.stdout
    assert said in done.stdout


def test_a_run_sh_that_was_saved_on_windows(folder: Path) -> None:
    (folder / "run.sh").write_bytes(b"python3 -u app.py\r\n")
    done = dubhe("build", folder)
    assert done.returncode == 1
    assert f"{folder}/run.sh has Windows line ends (CR LF)" in done.stdout


def test_no_dockerfile(docker_engine: docker.DockerClient, folder: Path) -> None:
    done = dubhe("build", folder)
    assert done.returncode == 1
    assert f"{folder} has no Dockerfile" in done.stdout


def test_a_file_that_cannot_be_read(
    docker_engine: docker.DockerClient, folder: Path, tag: str
) -> None:
    dockerfile(folder, "FROM scratch", "COPY . /app")
    secret = folder / "secret.pem"
    secret.touch(mode=0)
    script = f"""
from pathlib import Path
from dubhe_simulator.instances.docker.build import BuildOptions, build
from dubhe_simulator.instances.docker.engine import engine
from dubhe_simulator.errors import EngineError
with engine() as client:
    become_nobody()
    try:
        build(client, BuildOptions(Path({str(folder)!r}), {tag!r}), None)
    except EngineError as trouble:
        print(trouble)
"""
    said = as_nobody(script, folder).stdout
    assert f"Can not read file in context: {secret}" in said
    assert "Permission denied" in said
    assert "exclude it in .dockerignore" in said
    (folder / ".dockerignore").write_text("*.pem\n")
    # Now it gets as far as the engine, which nobody may not use.
    assert "the folder cannot be sent" not in as_nobody(script, folder).stdout


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_stops_the_build(
    docker_engine: docker.DockerClient,
    base_image: str,
    folder: Path,
    tag: str,
    signum: signal.Signals,
    status: int,
) -> None:
    mark = uuid.uuid4().hex
    dockerfile(folder, "FROM dubhe-base", f"RUN echo begun-{mark}; sleep 300", "COPY . /app")

    def building() -> list[str]:
        return [
            container.id
            for container in docker_engine.containers.list(all=True, sparse=True)
            if mark in str(container.attrs["Command"])
        ]

    with start("build", folder, "-v", "-t", tag) as process:
        read_until(process, f"| begun-{mark}")
        assert building()
        process.send_signal(signum)
        assert process.wait(20) == status
        assert process.stdout is not None
        assert f"Stopped by {signum.name}; no image was built." in process.stdout.read()
    wait_for(lambda: not building(), "the step's container to be gone")
