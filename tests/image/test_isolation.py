"""No package of an algorithm can break web front and sidecar, or be broken by them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import docker

from dubhe_sdk import __version__
from tests.docker.containers import Container
from tests.docker.mirror import PackageMirror
from tests.image.conftest import AlgorithmFactory, write_algorithm
from tests.image.test_delivery import platform
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

# The oldest that Python 3.11 still loads.
ANCIENT = {"gevent": "22.10.2", "falcon": "2.0.0", "kafka-python": "1.4.7", "gunicorn": "19.9.0"}
# What gevent of that age takes along: a newer one is not found under the name that it asks for.
COMPANIONS = "zope.interface==6.0\nzope.event==4.5.0\n"
PINS = "".join(f"{name}=={version}\n" for name, version in ANCIENT.items()) + COMPANIONS

ANCIENT_APP = """
from importlib.metadata import version

from gevent import monkey
monkey.patch_all()
import falcon, gunicorn, kafka

import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.names = ["gevent", "falcon", "kafka-python", "gunicorn"]

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgressByEpoch(0, 0.5, {"number": 0})
        ctx.logResult({name: version(name) for name in self.names})
"""

DOCKERFILE = """
FROM dubhe-base
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
"""


def test_ancient_packages_of_an_algorithm(
    docker_engine: docker.DockerClient,
    make_image: AlgorithmFactory,
    kafka: Broker,
    topic: str,
    tmp_path: Path,
) -> None:
    folder = write_algorithm(
        tmp_path / "ancient",
        app_py=ANCIENT_APP,
        requirements_txt=PINS,
        Dockerfile=DOCKERFILE,
    )
    with PackageMirror(*PINS.split()) as mirror:
        image = make_image(folder, network_mode="host", buildargs={"PIP_INDEX_URL": mirror.url})
    with reserved_port() as port:
        environment = platform(port, kafka.bootstrap, topic)
        with Container(
            docker_engine, image, environment=environment, network_mode="host"
        ) as container:
            container.wait_logged("READY")
            container.train()
            container.wait_logged("END 200")
            assert container.stop() == 0
            config = json.dumps(docker_engine.images.get(image).attrs["Config"])
            assert mirror.url not in config
    values = [json.loads(message.value or b"") for message in read_topic(kafka.bootstrap, topic)]
    assert [value["mes_type"] for value in values] == [0, 1, 2, 3, 1]
    assert values[3]["data"] == ANCIENT


def test_variables_that_lead_python_astray(
    docker_engine: docker.DockerClient, make_image: AlgorithmFactory, tmp_path: Path
) -> None:
    bad = 'raise ImportError("of the algorithm")\n'
    folder = write_algorithm(
        tmp_path / "astray",
        run_sh="export PYTHONPATH=/app/vendor PYTHONSTARTUP=/app/vendor/gevent.py\n"
        "export PYTHONOPTIMIZE=2 PYTHONDONTWRITEBYTECODE=1\nexport protocol=http\n"
        "python3 -u app.py\n",
    )
    vendor = folder / "vendor"
    vendor.mkdir()
    for name in ("gevent", "falcon", "gunicorn", "kafka", "greenlet", "dubhe_sidecar"):
        (vendor / f"{name}.py").write_text(bad)
    image = make_image(folder)
    with Container(docker_engine, image, tmp_path / "temporary") as container:
        container.wait_reported("READY")
        container.train()
        container.wait_reported("END 200")
        assert container.stop() == 0


def test_the_sdk_counts_as_installed(
    docker_engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> None:
    # "dubhe-core" may stand in a requirements.txt; nothing is fetched for it.
    with Container(
        docker_engine,
        base_image,
        network_mode="none",
        entrypoint=["pip", "install", "dubhe-core"],
    ) as container:
        assert container.wait() == 0
        assert "already satisfied: dubhe-core in /opt/dubhe/sdk" in container.logs
    with Container(
        docker_engine,
        base_image,
        network_mode="none",
        entrypoint=["pip", "uninstall", "-y", "dubhe-core"],
    ) as container:
        assert container.wait() == 0


def test_the_earlier_package_of_that_name_is_refused(
    docker_engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> None:
    # It is on the public index, and its package would take the place of ours.
    info = "dubhe_sdk-2.14.dist-info"
    with zipfile.ZipFile(tmp_path / "dubhe_sdk-2.14-py3-none-any.whl", "w") as wheel:
        wheel.writestr("dubhe_sdk/__init__.py", "")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: dubhe-sdk\nVersion: 2.14\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    with Container(
        docker_engine,
        base_image,
        volumes=[f"{tmp_path}:/wheels:ro"],
        entrypoint=["pip", "install", "--no-index", "--find-links", "/wheels", "dubhe-sdk"],
    ) as container:
        assert container.wait() == 1
        assert f"(constraint) dubhe-sdk=={__version__}" in container.logs


def test_the_algorithms_own_json_encoder_wins(
    docker_engine: docker.DockerClient, make_image: AlgorithmFactory, tmp_path: Path
) -> None:
    app = """
    import orjson
    import dubhe_sdk
    raise SystemExit(orjson.__version__)
    """
    folder = write_algorithm(
        tmp_path / "own",
        app_py=app,
        run_sh="python3 -c 'import orjson, dubhe_sdk; print(orjson.__version__, orjson.__file__)'",
        requirements_txt="orjson==3.10.18\n",
        Dockerfile=DOCKERFILE,
    )
    with PackageMirror("orjson==3.10.18") as mirror:
        image = make_image(folder, network_mode="host", buildargs={"PIP_INDEX_URL": mirror.url})
    with Container(docker_engine, image) as container:
        assert container.wait() == 0
        wait_for(lambda: "3.10.18 /usr/local/lib" in container.logs, lambda: container.logs)


def test_another_interpreter_of_the_algorithm(
    docker_engine: docker.DockerClient, make_image: AlgorithmFactory, tmp_path: Path
) -> None:
    # An environment of the algorithm's own: docs/en/image.md names the line that it needs.
    folder = write_algorithm(
        tmp_path / "venv",
        run_sh="export protocol=http PYTHONPATH=/opt/dubhe/sdk\n/venv/bin/python -u app.py\n",
        Dockerfile="FROM dubhe-base\nRUN python3 -m venv /venv\nCOPY . /app\n",
    )
    image = make_image(folder)
    with Container(docker_engine, image, tmp_path / "temporary") as container:
        container.wait_reported("READY")
        assert len(container.pids_of("/venv/bin/python -u")) == 2
        container.train()
        container.wait_reported("END 200")
        assert container.stop() == 0


def test_dubhe_serve_in_the_image_takes_the_algorithms_interpreter(
    docker_engine: docker.DockerClient, make_image: AlgorithmFactory, tmp_path: Path
) -> None:
    folder = write_algorithm(
        tmp_path / "named",
        run_sh="export protocol=http\nmv app.py main.py 2>/dev/null\nexec dubhe serve main.py\n",
    )
    image = make_image(folder)
    with Container(docker_engine, image, tmp_path / "temporary") as container:
        container.wait_reported("READY")
        assert container.pids_of(
            "/usr/local/bin/python3 -u /opt/dubhe/sdk/dubhe_sdk/cli/bin/dubhe.py"
        )
        container.train()
        container.wait_reported("END 200")
        assert container.stop() == 0
