"""The requests that the reference shows are accepted, over both protocols, as they are printed."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.contract.requests import SUCCESS_MESSAGES, RequestType
from tests.docs.markdown import code_blocks
from tests.docs.reference import page
from tests.page.platform import Service
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

APP = """
import dubhe_sdk


@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): ...

    @dubhe_sdk.train()
    def train(self, ctx): ...

    @dubhe_sdk.predict()
    def evaluate(self, ctx): ...

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return ctx.get(dubhe_sdk.ContextKey.KEY_IMAGE_NAMES)
"""
CURLS = next(
    block.text for block in code_blocks(page("en", "reference/requests")) if "curl" in block.text
).splitlines()


@contextlib.contextmanager
def served(folder: Path, protocol: str, instance_id: str) -> Iterator[int]:
    """Serve the app and yield its port once it is ready."""
    (folder / "app.py").write_text(APP)
    (folder / "run.sh").write_text(f"export protocol={protocol}\nexec python3 -u app.py\n")
    temporary = folder / "temporary"
    with reserved_port() as port:
        service = Service(folder, temporary, port, instance_id)
        try:
            wait_for(lambda: "READY" in journal(temporary), "READY in the journal")
            yield port
        finally:
            service.close()


def journal(temporary: Path) -> str:
    return "".join(path.read_text("utf-8") for path in temporary.glob("journal/*.jsonl"))


@pytest.mark.parametrize("line", CURLS, ids=lambda line: shlex.split(line)[1].rpartition("8030")[2])
def test_a_request_by_curl_is_accepted(line: str, tmp_path: Path) -> None:
    _, url, _, body = shlex.split(line)
    request = json.loads(body)
    with served(tmp_path, "http", request["instance_id"]) as port:
        address = url.replace("8030", str(port))
        with urllib.request.urlopen(address, data=body.encode(), timeout=30) as reply:
            answer = json.load(reply)
    assert answer["flag"] == 1
    assert answer["message"] == SUCCESS_MESSAGES[RequestType(request["req_type"])]


def test_the_client_of_tcp_gets_the_printed_replies(tmp_path: Path) -> None:
    blocks = code_blocks(page("en", "reference/requests"))
    code = next(block.text for block in blocks if block.language == "python")
    printed = io.StringIO()
    with served(tmp_path, "tcp", "m1-a1-inference-1") as port, contextlib.redirect_stdout(printed):
        exec(compile(code.replace("8030", str(port)), "requests.md", "exec"), {})
    expected = [line.strip("# ") for line in code.splitlines() if line.strip().startswith("# {")]
    found = printed.getvalue().splitlines()
    assert found == [line.replace("…", "['1.png']") for line in expected]
