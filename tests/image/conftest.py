"""Algorithm images that several tests share."""

from __future__ import annotations

import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

AlgorithmFactory = Callable[..., str]

DOCKERFILE = "FROM dubhe-base\nCOPY . /app\n"
RUN_SH = 'export protocol="{protocol}"\npython3 -u app.py\n'

# Trains as its special_params say: so many messages, then wait for the file, or eat memory.
APP = """
import getpass, json, os, time
from pathlib import Path

import dubhe_sdk
from dubhe_sdk import ContextKey


@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.params = ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}

    @dubhe_sdk.train()
    def train(self, ctx):
        count = self.params.get("count", 3)
        for number in range(count):
            ctx.logProgressByBatch(0, number, count, (number + 1) / count, {"number": number})
        ctx.log("user %s home %s", getpass.getuser(), os.access(Path.home(), os.W_OK))
        Path(dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), 0, 0.0)).write_text("model")
        (Path(ctx.get(ContextKey.KEY_TMP_DIR)) / "made").mkdir(parents=True, exist_ok=True)
        eaten = []
        while self.params.get("eat"):
            eaten.append(bytearray(os.urandom(1 << 20)))
        while self.params.get("hold"):
            time.sleep(0.05)
"""


def write_algorithm(folder: Path, **files: str) -> Path:
    """Write an algorithm's folder; None for a file leaves it out."""
    contents = {"app.py": APP, "run.sh": RUN_SH.format(protocol="http"), "Dockerfile": DOCKERFILE}
    contents.update({name.replace("_", ".", 1): text for name, text in files.items()})
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        if text is not None:
            (folder / name).write_text(textwrap.dedent(text), "utf-8")
    return folder


@pytest.fixture
def make_image(docker_engine: docker.DockerClient, base_image: str) -> Iterator[AlgorithmFactory]:
    """Build an algorithm's folder by the Docker SDK; the image is removed at the end."""
    made: list[str] = []

    def make(folder: Path, **options: object) -> str:
        tag = f"dubhe-test-algorithm:{uuid.uuid4().hex[:12]}"
        docker_engine.images.build(path=str(folder), tag=tag, rm=True, forcerm=True, **options)
        made.append(tag)
        return tag

    yield make
    for tag in made:
        docker_engine.images.remove(tag, force=True)


@pytest.fixture(scope="session", params=["http", "tcp"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Both protocols."""
    return str(request.param)


@pytest.fixture(scope="session")
def algorithms(
    docker_engine: docker.DockerClient,
    base_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """The image of `APP` for each protocol."""
    tags = {}
    for name in ("http", "tcp"):
        folder = write_algorithm(
            tmp_path_factory.mktemp("algorithm") / name, run_sh=RUN_SH.format(protocol=name)
        )
        tags[name] = f"dubhe-test-algorithm:{name}-{uuid.uuid4().hex[:8]}"
        docker_engine.images.build(path=str(folder), tag=tags[name], rm=True)
    yield tags
    for tag in tags.values():
        docker_engine.images.remove(tag, force=True)
