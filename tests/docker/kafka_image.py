"""An image that stands in for ``apache/kafka``: the test suite's Kafka, started as that image does.

It offers what ``docker-compose.yml`` relies on: settings as ``KAFKA_…`` variables, the data below
``/var/lib/kafka/data`` owned by the user 1000 that Kafka runs as, ``bash``, and
``/opt/kafka/bin/kafka-broker-api-versions.sh``. Its Java is made from the host's JDK by ``jlink``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import docker

from tests.docker import engine, images
from tests.kafka.jars import jar_directory, program

KAFKA_IMAGE = "dubhe-test-kafka"

_MODULES = (
    "java.base,java.compiler,java.desktop,java.instrument,java.logging,java.management,java.naming,"
    "java.net.http,java.rmi,java.security.jgss,java.security.sasl,java.sql,java.transaction.xa,"
    "java.xml,java.xml.crypto,jdk.crypto.ec,jdk.management,jdk.management.agent,jdk.net,"
    "jdk.nio.mapmode,jdk.security.auth,jdk.security.jgss,jdk.unsupported,jdk.zipfs"
)
# Below /opt/kafka/bin, and what they are here.
_TOOLS = {
    "start": Path(__file__).with_name("kafka-start"),
    # Kafka's own needs another jar and a second of two cores; the answer is the same.
    "kafka-broker-api-versions.sh": Path(__file__).with_name("kafka-broker-api-versions"),
}
_DOCKERFILE = """
FROM {python}
RUN useradd --uid 1000 --user-group appuser && mkdir -p /var/lib/kafka/data \\
    && chown -R 1000 /var/lib/kafka
COPY java /opt/java
COPY jars /opt/kafka/libs
COPY bin /opt/kafka/bin
USER 1000
CMD ["/opt/kafka/bin/start"]
"""


def kafka_image(client: docker.DockerClient) -> str:
    """Return the name of the stand-in; takes half a minute the first time."""
    python = images.python_image(client)
    jars = jar_directory()
    recipe = "|".join(
        (python, jars.name, _MODULES, _DOCKERFILE, *map(Path.read_text, _TOOLS.values()))
    )
    tag = f"{KAFKA_IMAGE}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with images.making("kafka"):
        if not images.exists(client, tag):
            with tempfile.TemporaryDirectory(dir=engine.CACHE) as folder:
                _build(Path(folder), python, jars, tag)
    return tag


def _build(context: Path, python: str, jars: Path, tag: str) -> None:
    subprocess.run(
        [
            *(program("jlink"), "--output", str(context / "java"), "--add-modules", _MODULES),
            *("--strip-debug", "--no-header-files", "--no-man-pages"),
        ],
        check=True,
        timeout=engine.BUILD_TIMEOUT_S,
    )
    shutil.copytree(jars, context / "jars", copy_function=os.link)
    tools = context / "bin"
    tools.mkdir()
    for name, source in _TOOLS.items():
        shutil.copy(source, tools / name)
    (context / "Dockerfile").write_text(_DOCKERFILE.format(python=python))
    engine.build(tag, context)
