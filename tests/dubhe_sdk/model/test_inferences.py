"""Online inference, end to end over both protocols."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.waiting import wait_for

PROTOCOLS = ["tcp", "http"]


def app_with(infer: str, top: str = "", constructor: str = "pass") -> str:
    """Return an app of a few lines."""
    return f"""
import os, signal, sys, threading, time
from pathlib import Path
import numpy as np
import dubhe_sdk
from dubhe_sdk import ContextKey
{top}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        {constructor}

    @dubhe_sdk.inference()
    def infer(self, ctx):
        what = ctx.get("what")
        {infer}
"""


MANY = """
        if what == "names":
            return ctx.get(ContextKey.KEY_IMAGE_NAMES)
        if what == "nothing":
            return []
        if what == "none":
            return None
        if what == "numpy":
            return {"boxes": np.arange(4.0), "nan": float("nan"), "path": Path("a")}
        if what == "parts":
            return {"views": {"a": 1}.values(), "pairs": zip("a", [None])}
        if what == "failing parts":
            return {"boxes": (1 / n for n in (1, 0)), "gone": None}
        if what == "object":
            return [Path, Path]
        if what == "details":
            ctx.logProgress
            return ctx.logResultDetails("a.png", "A", "B", np.float32(0.5))
        if what == "log":
            ctx.logResult({"seen": 1})
            return []
        if what == "current":
            return dubhe_sdk.current_context() is ctx
        if what == "exit":
            sys.exit(3)
        if what == "interrupt":
            raise KeyboardInterrupt
        if what == "nested":
            return ctx.get("deep")
        if what == "unprintable":
            class Odd(Exception):
                def __str__(self): raise ValueError
            raise Odd
        raise ValueError("no such 图: " + what)
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_results_and_failures(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, app_with(MANY), INFERENCE_ID, protocol) as app:
        app.start()

        def infer(what: str, **fields: Any) -> dict[str, Any]:
            return app.infer(what=what, **fields)

        def good(data: Any) -> dict[str, Any]:
            return {"flag": 1, "message": "model inference success", "data": data}

        def bad(message: str) -> dict[str, Any]:
            return {"flag": 2, "message": message}

        assert infer("names", image_names=["文.png"]) == good(["文.png"])
        assert infer("names", image_names=[]) == good([])  # no key of an earlier request survives
        assert infer("nothing") == good([])
        assert infer("none") == good(None)
        assert infer("numpy") == good({"boxes": [0, 1, 2, 3], "nan": "NaN", "path": "a"})
        assert infer("parts") == good({"views": [1], "pairs": [["a", None]]})
        assert infer("failing parts") == bad(
            "exception occurs: ZeroDivisionError: division by zero"
        )
        assert infer("object") == good(["<class 'pathlib.Path'>"] * 2)
        assert infer("object")["flag"] == 1
        assert app.log.count("a result holds a builtins.type") == 1
        assert infer("details") == good(
            [
                {
                    "img_path": "a.png",
                    "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.5}],
                }
            ]
        )
        assert infer("log") == good([])
        assert infer("current") == good(True)
        assert infer("x") == bad("exception occurs: ValueError: no such 图: x")
        assert infer("exit") == bad("exception occurs: SystemExit: 3")
        assert infer("interrupt") == bad("exception occurs: KeyboardInterrupt: ")
        assert infer("unprintable") == bad("exception occurs: Odd: (its text raised ValueError)")
        number: dict[str, Any] = {"request_number": 2**62 + 1}
        echoed = number if protocol == "tcp" else {}
        assert infer("nothing", **number) == good([]) | echoed
        assert infer("x", **number) == bad("exception occurs: ValueError: no such 图: x") | echoed
        missing = app.send(3, image_names=7)
        assert missing == bad("param error: field image_names is 7, expected a list")
        assert app.reported == ["READY"]
        assert 'result {"seen":1}' in app.log
        assert "Traceback (most recent call last)" in app.log
        model = app.pid_of("model")
        app.terminate()
        assert app.wait() == 0
        assert app.reported == ["READY"]
        app.wait_dead(model)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_strange_requests_do_not_harm_the_model(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, app_with(MANY), INFERENCE_ID, protocol) as app:
        app.start()
        model = app.pid_of("model")
        head = f'{{"req_type": 3, "instance_id": "{INFERENCE_ID}", "image_names": []'
        for more in (
            *(f'"deep": {"[" * n}{"]" * n}, "what": "nested"' for n in (100, 900, 980, 1000, 1020)),
            f'"deep": {"[" * 100_000}',
            f'"deep": {"9" * 300}, "what": "nested"',
            f'"deep": {"9" * 5000}, "what": "nested"',
            '"deep": 1e999, "what": "nested"',
            '"deep": "\\ud800", "what": "nested"',
            '"what": NaN',
        ):
            reply = app.client().send_bytes(f"{head}, {more}}}".encode(), "/predict/multiple")
            assert set(reply) in ({"flag", "message"}, {"flag", "message", "data"})
        assert app.infer(what="nothing")["flag"] == 1
        assert app.pid_of("model") == model


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_only_the_model_cannot_read_is_the_clients_fault(
    tmp_path: Path, protocol: str
) -> None:
    deep = "[" * 1020 + "]" * 1020  # orjson reads up to 1024, the standard library somewhat less
    with App(tmp_path, app_with(MANY), INFERENCE_ID, protocol) as app:
        app.start()
        head = f'{{"req_type": 3, "instance_id": "{INFERENCE_ID}", "image_names": []'
        client = app.client()
        for _ in range(2):  # the connection to the model is good for more
            reply = client.send_bytes(f'{head}, "deep": {deep}}}'.encode(), "/predict/multiple")
            assert reply["flag"] == 2
            assert reply["message"].startswith("param error: the request cannot be read"), reply
        assert app.infer(what="nothing")["flag"] == 1
        assert "Traceback" not in app.console


BARRIER = """
        name = ctx.get(ContextKey.KEY_IMAGE_NAMES)[0]
        barrier.wait()  # all four are inside now
        assert dubhe_sdk.current_context() is ctx
        assert ctx.get(ContextKey.KEY_IMAGE_NAMES) == [name]
        barrier.wait()
        return [name, ctx.get("only_" + name, None)]
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_concurrent_inferences_share_no_context(tmp_path: Path, protocol: str) -> None:
    source = app_with(BARRIER, "barrier = threading.Barrier(4, timeout=10)")
    env = {"DUBHE_INFERENCE_CONCURRENCY": "4"}
    with App(tmp_path, source, INFERENCE_ID, protocol, env) as app:
        app.start()
        replies: dict[str, Any] = {}

        def ask(name: str) -> None:
            for _ in range(10):
                fields = {"image_names": [name], f"only_{name}": name}
                replies.setdefault(name, []).append(app.infer(**fields)["data"])

        threads = [threading.Thread(target=ask, args=[name]) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert replies == {name: [[name, name]] * 10 for name in "abcd"}


SLOW = """
        name = ctx.get(ContextKey.KEY_IMAGE_NAMES)[0]
        with open("began", "a") as file:
            file.write(name)
        while not Path("go on").exists():
            time.sleep(0.005)
        return [name, threading.current_thread() is threading.main_thread()]
"""


def test_beyond_the_queue_a_refusal_at_once(tmp_path: Path) -> None:
    env = {"DUBHE_INFERENCE_QUEUE": "0"}
    with App(tmp_path, app_with(SLOW), INFERENCE_ID, "http", env) as app:
        app.start()
        replies: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: replies.append(app.infer(image_names=["a"])))
        thread.start()
        app.wait_file("began")
        refusal = app.infer(image_names=["b"])
        assert refusal["flag"] == 2
        assert refusal["message"].startswith("service is overloaded: 1 inferences are running")
        assert app.send(0)["flag"] == 1
        app.write("go on", "")
        thread.join()
        assert replies[0]["data"] == ["a", True]
        assert app.infer(image_names=["b"])["data"] == ["b", True]
        assert app.wait_file("began") == "ab"


def test_running_inferences_are_answered_before_the_end(tmp_path: Path) -> None:
    with App(tmp_path, app_with(SLOW), INFERENCE_ID) as app:
        app.start()
        replies: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: replies.append(app.infer(image_names=["a"])))
        thread.start()
        app.wait_file("began")
        app.terminate()
        wait_for(lambda: "the service ends" in app.log, lambda: app.log)
        app.write("go on", "")
        thread.join()
        assert replies == [{"flag": 1, "message": "model inference success", "data": ["a", True]}]
        assert app.wait() == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_killed_model_is_started_again_and_requests_meanwhile_refused(
    tmp_path: Path, protocol: str
) -> None:
    killing = """
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()
    """
    # The second construction waits, so that the time between is seen.
    slow = (
        'Path("made").open("a").write("x")\n'
        '        while Path("made").read_text() == "xx" and not Path("go on").exists():\n'
        "            time.sleep(0.005)"
    )
    with App(tmp_path, app_with(killing, "", slow), INFERENCE_ID, protocol) as app:
        app.start()
        first = app.infer(what="pid")["data"]
        reply = app.infer(what="die")
        assert reply == {
            "flag": 2,
            "message": "model failed: the model process died while it worked on the request",
        }
        wait_for(lambda: (tmp_path / "made").read_text() == "xx", "the second construction")
        assert app.send(0) == {"flag": 1, "message": "service online"}
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(app.infer, what="pid")  # for the second construction
            app.write("go on", "")
            again = waiting.result()["data"]
        assert again != first
        assert app.reported == ["READY"]  # said once, and there is no task that could END
        os.kill(app.pid_of("serve"), signal.SIGTERM)
        assert app.wait() == 0
        assert "was killed by SIGKILL (" in app.log


def _data(reply: dict[str, Any]) -> Any:
    return reply.get("data")


def test_what_an_inference_left_running_is_ended_with_the_model(tmp_path: Path) -> None:
    leave = """
        import subprocess
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return child.pid
    """
    with App(tmp_path, app_with(leave), INFERENCE_ID) as app:
        app.start()
        child = app.infer()["data"]
        wait_for(lambda: child in app.marked.living(), "the child's program")
        app.infer(what="die")
        app.wait_dead(child)
        wait_for(lambda: _data(app.infer()), "the model")
        app.terminate()
        assert app.wait() == 0
        assert not app.marked.living()


CONSTRUCTING = """
import time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        Path("loading").write_text("1")
        while not Path("loaded").exists(): time.sleep(0.01)
        if Path("loaded").read_text(): raise ValueError("no weights")

    @dubhe_sdk.inference()
    def inference(self, ctx):
        return ctx.get("image_names")
"""


@pytest.mark.parametrize("protocol", ["tcp", "http"])
@pytest.mark.parametrize("fails", [False, True])
def test_an_inference_waits_for_the_construction(
    tmp_path: Path, protocol: str, fails: bool
) -> None:
    with App(tmp_path, CONSTRUCTING, INFERENCE_ID, protocol) as app:
        app.start(until=None)
        app.wait_file("loading")
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(app.infer, image_names=["a"])
            wait_for(lambda: _answers(app), "the heartbeat")
            app.write("loaded", "fails" if fails else "")
            reply = waiting.result()
        if fails:
            assert reply["flag"] == 2 and "no weights" in reply["message"]
        else:
            assert reply["data"] == ["a"]


def _answers(app: App) -> bool:
    try:
        return bool(app.send(0)["flag"] == 1)
    except OSError:
        return False
