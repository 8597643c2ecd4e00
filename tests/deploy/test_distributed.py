"""One training on two pods, as an Indexed Job with the real torchrun."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.support import Place, exit_status, kafka_values, words
from tests.docker.images import PYTHON_VERSION
from tests.examples.torch_environment import torch_packages
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic

NODES = 2
STEPS = 3
FRAMEWORKS = "/frameworks"

APP = """
import subprocess

import dubhe_sdk


@dubhe_sdk.pipeline()
class Net:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        subprocess.run(["torchrun", "train.py"], check=True)
"""

TRAIN = f"""
import os
import socket

import torch
import torch.distributed as dist

import dubhe_sdk

dist.init_process_group("gloo")
rank = dist.get_rank()
ctx = dubhe_sdk.current_context() if rank == 0 else None
for step in range({STEPS}):
    total = torch.ones(1) * (rank + 1)
    dist.all_reduce(total)
    if os.environ.get("FAILS") == str(rank):
        raise ValueError("bad rank")
    if ctx:
        ctx.logProgressByEpoch(step, (step + 1) / {STEPS}, {{"number": total.item()}})
found = [None] * dist.get_world_size()
dist.all_gather_object(found, {{"rank": rank, "pod": socket.gethostname()}})
if ctx:
    ctx.logResult(found)
dist.destroy_process_group()
"""

# What `pip install torch` leaves in an image; the packages are gigabytes, so they are on a claim.
DOCKERFILE = f"""
FROM dubhe-base
RUN python3 -c "import pathlib, sysconfig; \\
pathlib.Path(sysconfig.get_path('purelib'), 'frameworks.pth').write_text('{FRAMEWORKS}')" \\
    && printf '#!/bin/sh\\nexec python3 -m torch.distributed.run "$@"\\n' \\
        >/usr/local/bin/torchrun && chmod +x /usr/local/bin/torchrun
COPY . /app
"""


@pytest.fixture(scope="session")
def image(load_image: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("distributed")
    for name, text in (("app.py", APP), ("train.py", TRAIN), ("Dockerfile", DOCKERFILE)):
        (folder / name).write_text(text)
    return load_image(folder)


@pytest.fixture
def topics(pod_kafka: Broker, topic_name: str) -> tuple[str, str]:
    """One topic of reports, one of results."""
    found = (topic_name, f"{topic_name}-results")
    for each in found:
        pod_kafka.create_topic(each)
    return found


def start(place: Place, image: str, kafka: Broker, topics: tuple[str, str], **env: str) -> None:
    """Start a training on two pods, which find PyTorch on a claim."""
    found = ".".join(map(str, sys.version_info[:2]))
    assert found == PYTHON_VERSION, f"the pods' Python {PYTHON_VERSION} uses packages of {found}"
    claim = place.claim("frameworks", torch_packages(), writable=False)
    place.install(
        "net",
        {
            "workload": "train",
            "image": image,
            "kafka": {**kafka_values(kafka, topics[0]), "resultTopic": topics[1]},
            "distributed": {"enabled": True, "nodes": NODES, "script": "train.py"},
            "claims": [{"claim": claim, "path": FRAMEWORKS, "readOnly": True}],
            "env": {"OMP_NUM_THREADS": 1, **env},
        },
    )


def test_two_pods_train_together_and_the_first_one_reports(
    place: Place, image: str, pod_kafka: Broker, topics: tuple[str, str]
) -> None:
    start(place, image, pod_kafka, topics)
    assert place.wait_job("net").type == "Complete", place.logs("net")
    assert [exit_status(pod) for pod in place.pods("net")] == [0] * NODES
    status, results = topics
    # 1 + 2: what both have summed.
    assert words(pod_kafka, status) == ["READY 200", "START 200", *[3.0] * STEPS, "END 200"]
    [message] = read_topic(pod_kafka.bootstrap, results)
    assert json.loads(message.value or b"")["data"] == [
        {"rank": rank, "pod": f"net-{rank}"} for rank in range(NODES)
    ]


def test_a_rank_that_fails_in_the_other_pod_ends_the_task(
    place: Place, image: str, pod_kafka: Broker, topics: tuple[str, str]
) -> None:
    start(place, image, pod_kafka, topics, FAILS="1")
    assert place.wait_job("net").type == "Failed", place.logs("net")
    found = words(pod_kafka, topics[0])
    assert found[:2] == ["READY 200", "START 200"]
    assert [word for word in found if str(word).startswith("END")] == ["END 300"]
    assert "ValueError: bad rank" in place.logs("net")
