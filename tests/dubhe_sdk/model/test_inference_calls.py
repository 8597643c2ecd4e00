"""Methods that take batches, end to end over both protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.waiting import wait_for

PROTOCOLS = ["tcp", "http"]
CLIENTS = 9
HEARTBEAT = {"req_type": 0, "instance_id": INFERENCE_ID}

# Says how many came together. The first call waits, so that the others gather.
BATCHED = """
import os, time
from pathlib import Path
import dubhe_sdk
from dubhe_sdk import ContextKey

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.ctx = ctx

    @dubhe_sdk.inference(max_batch_size=4)
    def infer(self, contexts):
        with open("calls", "a") as calls:
            print(len(contexts), file=calls, flush=True)
        while not Path("go on").exists():
            time.sleep(0.01)
        results = [self.one(ctx) for ctx in contexts]
        contexts.clear()  # the list is the method's own
        return results

    def one(self, ctx):
        what = ctx.get("what")
        if what == "all":
            raise RuntimeError("out of memory")
        if what == "one":
            return ValueError("no such image")
        if what == "late":
            return {"boxes": (1 / n for n in (1, 0)), "sum": sum(1 / n for n in (1, 2))}
        if what == "kept":
            return self.ctx.get(ContextKey.KEY_IMAGE_NAMES)
        if what == "die":
            os._exit(9)
        return ctx.get(ContextKey.KEY_IMAGE_NAMES)
"""


def sizes(app: App) -> list[int]:
    """Return how many requests each call got."""
    path = app.folder / "calls"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def ask(app: App, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send requests while the model is held by another one; return the replies."""
    clients = [app.client() for _ in range(len(requests) + 2)]
    for client in clients:
        client.send(HEARTBEAT)  # so that its connection has been accepted
    for number, fields in enumerate([{"image_names": ["first"]}, *requests]):
        body = json.dumps({"req_type": 3, "instance_id": INFERENCE_ID, **fields}).encode()
        clients[number].begin(body, "/predict/multiple")
        wait_for(lambda: sizes(app) == [1], "the first call")
    clients[-1].send(HEARTBEAT)  # the web front reads in the order of arrival: all of them wait
    (app.folder / "go on").touch()
    assert clients[0].finish()["data"] == ["first"]
    return [client.finish() for client in clients[1:-1]]


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_requests_that_wait_are_put_together(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID, protocol) as app:
        app.start()
        asked = [{"image_names": [f"{n}.png"]} for n in range(CLIENTS)]
        replies = ask(app, asked)
        assert [reply["data"] for reply in replies] == [one["image_names"] for one in asked]
        assert all(reply["flag"] == 1 for reply in replies)
        assert sizes(app) == [1, 4, 4, 1]


def test_each_request_has_its_own_failure(tmp_path: Path) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID) as app:
        app.start()
        replies = ask(
            app,
            [
                {"image_names": ["a.png"], "request_number": "7"},
                {"what": "one", "request_number": 8},
                {"what": "late"},
            ],
        )
        good, one, late = replies
        assert (good["data"], good["request_number"]) == (["a.png"], "7")
        assert one["flag"] == 2
        assert one["message"] == "exception occurs: ValueError: no such image"
        assert one["request_number"] == 8
        assert late["message"] == "exception occurs: ZeroDivisionError: division by zero"


def test_a_kept_context_has_no_single_request(tmp_path: Path) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID) as app:
        app.write("go on", "")
        app.start()
        assert "a batch of inferences has no single request" in app.infer(what="kept")["message"]


def test_what_is_raised_is_the_failure_of_all_in_the_call(tmp_path: Path) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID) as app:
        app.write("go on", "")
        app.start()
        assert app.infer(what="all")["message"] == "exception occurs: RuntimeError: out of memory"
        assert app.infer(image_names=["a"])["data"] == ["a"]


def test_a_model_that_dies_takes_the_call_with_it_and_no_other(tmp_path: Path) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID) as app:
        app.write("go on", "")
        app.start()
        assert "died while it worked on the request" in app.infer(what="die")["message"]
        wait_for(lambda: app.infer(image_names=["a"]).get("data") == ["a"], lambda: app.console)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("[1] * (len(contexts) + 1)", "returned 2 results for a batch of 1 requests"),
        ("{'a': 1}", "returned dict, expected a list with a result for each"),
        ("None", "returned NoneType, expected a list"),
    ],
)
def test_results_that_do_not_fit_the_batch(tmp_path: Path, returned: str, words: str) -> None:
    source = f"""
    import dubhe_sdk

    @dubhe_sdk.pipeline()
    class Model:
        def __init__(self, ctx): ...

        @dubhe_sdk.inference(max_batch_size=8)
        def infer(self, contexts):
            return {returned}
    """
    with App(tmp_path, source, INFERENCE_ID) as app:
        app.start()
        reply = app.infer()
        assert reply["flag"] == 2
        assert words in reply["message"]


def test_a_request_that_the_model_cannot_read_is_refused_alone(tmp_path: Path) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID) as app:
        app.write("go on", "")
        app.start()
        number = "9" * 5000  # more digits than Python turns into a number
        body = json.dumps({"req_type": 3, "instance_id": INFERENCE_ID, "what": 0})
        body = body.replace(": 0}", f": {number}}}")
        reply = app.client().send_bytes(body.encode(), "/predict/multiple")
        assert reply["flag"] == 2
        assert app.infer(image_names=["a"])["data"] == ["a"]
