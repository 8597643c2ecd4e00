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
    "java.xml,java.xml.crypto,jdk.crypto.ec,jdk.management,jdk.management.agent,jdk.net,jdk.nio.mapmode,"
    "jdk.security.auth,jdk.security.jgss,jdk.unsupported,jdk.zipfs"
)
_START = Path(__file__).with_name("kafka-start")
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
_TOOL = """#!/bin/sh
exec /opt/java/bin/java ${KAFKA_HEAP_OPTS:-} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \\
    -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp '/opt/kafka/libs/*' \\
    org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
"""


def kafka_image(client: docker.DockerClient) -> str:
    """Return the name of the stand-in; takes half a minute the first time."""
    python = images.python_image(client)
    jars = jar_directory()
    recipe = "|".join((python, jars.name, _MODULES, _DOCKERFILE, _TOOL, _START.read_text()))
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
    shutil.copy(_START, tools / "start")
    (tools / "kafka-broker-api-versions.sh").write_text(_TOOL)
    for tool in tools.iterdir():
        tool.chmod(0o755)
    (context / "Dockerfile").write_text(_DOCKERFILE.format(python=python))
    engine.build(tag, context)
