"""`SharedBodies`: long requests cost the web front neither memory nor its heartbeats; those that
cannot be in shared memory are read as bytes.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dubhe_sdk.ipc.shared_body import SHARED_FROM_BYTES
from dubhe_sdk.service.web.limits.shared_bodies import SharedBodies
from tests.dubhe_sdk.service.algorithms import app_with
from tests.dubhe_sdk.service.harness import INFERENCE_ID, App


def test_long_requests_up_to_the_limit() -> None:
    bodies = SharedBodies(1)
    assert bodies.create(SHARED_FROM_BYTES - 1) is None
    first = bodies.create(SHARED_FROM_BYTES)
    assert first is not None
    assert bodies.create(SHARED_FROM_BYTES) is None
    bodies.close(first)
    again = bodies.create(SHARED_FROM_BYTES)
    assert again is not None
    bodies.close(again)


def test_where_there_is_no_memory_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, flags: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    bodies = SharedBodies(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "memfd_create", refuse)
        assert bodies.create(SHARED_FROM_BYTES) is None
    body = bodies.create(SHARED_FROM_BYTES)
    assert body is not None
    bodies.close(body)


PICTURE_BYTES = 20_000_000
LIMITS = {"DUBHE_MAX_REQUEST_BYTES": str(32 << 20), "DUBHE_MAX_BUFFER_BYTES": str(128 << 20)}
CLIENTS = 2
REQUESTS = 8
INFERENCE = """
    @dubhe_sdk.inference()
    def infer(self, ctx): return []
"""


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_heartbeats_do_not_wait_for_pictures_whose_memory_is_bounded(
    tmp_path: Path, protocol: str
) -> None:
    picture = base64.b64encode(os.urandom(PICTURE_BYTES * 3 // 4)).decode()
    request = {"req_type": 3, "instance_id": INFERENCE_ID, "image_names": [], "picture": picture}
    body = json.dumps(request).encode()
    waited: list[float] = []
    files: list[int] = []
    source = app_with() + INFERENCE
    with App(tmp_path, source, INFERENCE_ID, protocol, LIMITS) as app, ThreadPoolExecutor() as pool:
        app.start()
        front = app.pid_of("web")
        clients = [app.client() for _ in range(CLIENTS)]
        heartbeats = app.client()

        def ask(number: int) -> None:
            for _ in range(REQUESTS):
                assert clients[number].send_bytes(body, "/predict/multiple")["flag"] == 1

        Path(f"/proc/{front}/clear_refs").write_text("5")  # proc(5): sets VmHWM back
        before = status_bytes(front, "VmRSS")
        asking = [pool.submit(ask, number) for number in range(CLIENTS)]
        while not all(one.done() for one in asking):
            began = processor_seconds(front)
            assert heartbeats.send({"req_type": 0, "instance_id": INFERENCE_ID})["flag"] == 1
            waited.append(processor_seconds(front) - began)
            files.append(shared_bytes(front))
        for one in asking:
            one.result()
        grown = status_bytes(front, "VmHWM") - before
    assert 0 < max(files) <= CLIENTS * (len(body) + 4096)
    assert grown + max(files) <= 1.5 * CLIENTS * len(body)
    # What the front did meanwhile, since times depend on who else has the processor. It takes
    # requests in pieces, and leaves it to the model process to parse them. If it did so itself, a
    # heartbeat would wait for each request, or for one of each client together; the few longest may
    # have waited for nothing but this test, which was not running.
    began = time.thread_time()
    json.loads(body)
    assert sorted(waited)[-REQUESTS] < time.thread_time() - began


def processor_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def status_bytes(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field)]
    return int(line.split()[1]) * 1024


def shared_bytes(pid: int) -> int:
    """Return how much memory the files have in which a process shares requests."""
    total = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if "memfd:dubhe-request" in str(descriptor.readlink()):
                total += descriptor.stat().st_blocks * 512
    return total
