"""SIGTERM and its like: the end in order."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.environment import directories
from dubhe_sdk.process.command import dubhe_command
from dubhe_sdk.process.state_file import read_local_state
from tests.dubhe_sdk.service.algorithms import app_with, failed
from tests.dubhe_sdk.service.harness import APP_COMMAND, INFERENCE_ID, TRAIN_ID, App
from tests.support.waiting import wait_for

STOPPED = failed("the task was stopped by SIGTERM before its end")


STUBBORN_WORK = """
        class Saved(Exception): pass
        try:
            while True:
                try:
                    ctx.logProgress(0.5)
                    Path("training").write_text("1")
                    time.sleep(0.01)
                except Exception:
                    Path("swallowed").write_text("1")
        except BaseException as error:
            Path("checkpoint").write_text(type(error).__name__)
            ctx.logProgress(0.625)
            raise
        finally:
            Path("finally").write_text("1")
            ctx.logResult("last words")
"""


def test_sigterm_in_a_training(tmp_path: Path) -> None:
    with App(tmp_path, app_with(train=STUBBORN_WORK)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.wait_file("checkpoint") == "TaskStopped"
        assert not (tmp_path / "swallowed").exists()
        assert (tmp_path / "finally").exists()
        assert app.reported[-2:] == ["result", "END 300"]
        assert app.data[-3:] == [{"progress": 0.625}, "last words", STOPPED]
        assert len(app.ends()) == 1
        assert not app.marked.living()


@pytest.mark.parametrize("end", ["return", "raise ValueError(1)", "pass"])
def test_a_training_that_swallows_the_stop_is_over_all_the_same(tmp_path: Path, end: str) -> None:
    train = f"""
        try:
            Path("training").write_text("1")
            time.sleep(600)
        except BaseException:
            {end}
        finally:
            Path("finally").write_text("1")
"""
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.ends() == [STOPPED]


@pytest.mark.parametrize(
    "deaf",
    [
        """
        Path("training").write_text("1")
        while True:
            try:
                time.sleep(600)
            except BaseException:
                ctx.logProgress(0.5)
        """,
        """
        Path("training").write_text("1")
        ctypes.PyDLL(None).sleep(600)
        """,
    ],
    ids=["swallows", "holds the interpreter"],
)
def test_a_training_that_does_not_stop_is_killed_in_time(tmp_path: Path, deaf: str) -> None:
    with App(tmp_path, app_with(train=deaf), env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "0.5"}) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.reported[-1] == "END 300"
        assert app.ends() == [STOPPED]
        assert not app.marked.living()


def test_sigterm_twice_kills_at_once(tmp_path: Path) -> None:
    swallow = """
        Path("training").write_text("1")
        while True:
            try:
                time.sleep(600)
            except BaseException:
                Path("told").write_text("1")
    """
    with App(
        tmp_path, app_with(train=swallow), env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "600"}
    ) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        app.wait_file("told")
        app.terminate()
        assert app.wait() == 143
        assert app.ends() == [STOPPED]


def test_a_task_that_ends_well_while_the_service_stops(tmp_path: Path) -> None:
    # A frame of the spool is being written when the signal comes: the task itself ends first.
    train = """
        Path("training").write_text("1")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while not Path("go on").exists(): time.sleep(0.01)
        ctx.logProgress(1)
    """
    with App(tmp_path, app_with(train=train), env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "2"}) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        wait_for(lambda: "SIGTERM: the service ends" in app.log, lambda: app.log)
        reply = app.train(data_paths=["/other"])
        assert reply == {"flag": 2, "message": "service is stopping and takes no new requests"}
        assert app.send(0)["flag"] == 1
        app.write("go on", "")
        app.wait()
        assert app.reported == ["READY", "START", "progress", "END 200"]


BLOCKED = """
    @dubhe_sdk.inference()
    def infer(self, ctx):
        Path("inferring").write_text("1")
        while not Path("go on").exists(): time.sleep(0.005)
        return []
"""


@contextlib.contextmanager
def one_running_and_one_waiting(app: App) -> Iterator[tuple[Future[Any], Future[Any]]]:
    app.start()
    spool = directories(app.env)[1]

    def waiting() -> object:
        inferences = (read_local_state(spool, "service") or {}).get("inferences")
        return inferences["waiting"] if isinstance(inferences, dict) else None

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(app.infer)
        app.wait_file("inferring")
        waits = pool.submit(app.infer)
        wait_for(lambda: waiting() == 1, lambda: str(waiting()))
        yield running, waits


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_inferences_that_have_arrived_before_the_stop_are_run(
    tmp_path: Path, protocol: str
) -> None:
    with App(tmp_path, app_with() + BLOCKED, INFERENCE_ID, protocol=protocol) as app:
        with one_running_and_one_waiting(app) as (running, waits):
            app.terminate()
            wait_for(lambda: "SIGTERM: the service ends" in app.log, lambda: app.log)
            app.write("go on", "")
            assert (running.result()["flag"], waits.result()["flag"]) == (1, 1)
        assert app.wait() == 0


def test_inferences_that_cannot_be_run_in_time_are_refused(tmp_path: Path) -> None:
    with (
        App(tmp_path, app_with() + BLOCKED, INFERENCE_ID) as app,
        one_running_and_one_waiting(app) as (running, waits),
    ):
        app.terminate()
        refusal = waits.result()
        assert refusal["message"] == "service is stopping and takes no new requests"
        assert running.exception() is not None  # cut off: its model did not return


@pytest.mark.parametrize("chunked", [False, True])  # a usual request, and one that gunicorn reads
def test_a_client_that_keeps_its_connection_is_told_that_the_next_reply_is_the_last(
    tmp_path: Path, chunked: bool
) -> None:
    with App(tmp_path, app_with() + BLOCKED, INFERENCE_ID, protocol="http") as app:
        app.write("go on", "")
        app.start()
        connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
        body = json.dumps({"req_type": 3, "instance_id": INFERENCE_ID, "image_names": []}).encode()

        def ask(chunked: bool = False) -> tuple[int, str | None]:
            sent = iter([body]) if chunked else body
            connection.request("POST", "/predict/multiple", sent, encode_chunked=chunked)
            with connection.getresponse() as reply:
                return json.loads(reply.read())["flag"], reply.getheader("Connection")

        assert ask() == (1, "keep-alive")
        same = connection.sock
        app.terminate()
        # The web front hears of it a moment after the parent; until then nothing changes.
        while (reply := ask(chunked)) == (1, "keep-alive"):
            assert connection.sock is same
        assert reply == (1, "close")
        assert app.wait() == 0


def test_over_tcp_a_client_that_goes_on_asking_loses_no_request(tmp_path: Path) -> None:
    with App(tmp_path, app_with() + BLOCKED, INFERENCE_ID) as app:
        app.write("go on", "")
        app.start()
        client = app.client()
        request = {"req_type": 3, "instance_id": INFERENCE_ID, "image_names": []}
        assert client.send(request)["flag"] == 1
        app.terminate()
        # None is left without a reply: the refusal is known to be the last.
        while (reply := client.send(request))["flag"] == 1:
            pass
        assert reply["message"] == "service is stopping and takes no new requests"
        with pytest.raises(ConnectionError):
            client.finish()
        assert app.wait() == 0


STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]


@pytest.mark.parametrize("signum", STOPS)
@pytest.mark.parametrize("instance_id", [TRAIN_ID, INFERENCE_ID])
def test_a_signal_while_idle(tmp_path: Path, signum: signal.Signals, instance_id: str) -> None:
    source = app_with() + "\n    @dubhe_sdk.inference()\n    def infer(self, ctx): return []\n"
    with App(tmp_path, source, instance_id) as app:
        app.start()
        os.kill(app.pid, signum)
        assert app.wait() == 0
        assert app.reported == ["READY"]
        assert not app.marked.living()


@pytest.mark.parametrize("signum", STOPS[1:])
def test_the_end_names_the_signal(tmp_path: Path, signum: signal.Signals) -> None:
    with App(tmp_path, app_with(train=WAITING)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        os.kill(app.pid, signum)
        assert app.wait() == 143
        assert app.ends() == [failed(f"the task was stopped by {signum.name} before its end")]


def test_a_signal_while_the_model_loads(tmp_path: Path) -> None:
    source = app_with(constructor='Path("loading").write_text("1"); time.sleep(600)')
    with App(tmp_path, source) as app:
        app.start(until=None)
        app.wait_file("loading")
        app.terminate()
        assert app.wait() == 0
        assert app.reported == []


@pytest.mark.parametrize(
    ("progress", "status", "code"), [(0.14, "END 300", 143), (1, "END 200", 0)], ids=["cut", "done"]
)
@pytest.mark.parametrize(
    "handler",
    [
        "lambda *_: sys.exit(0)",
        "lambda *_: sys.exit()",
        "lambda *_: Path('leave').write_text('1')",
    ],
)
def test_a_handler_of_the_training_s_own_does_not_make_a_cut_training_end_well(
    tmp_path: Path, handler: str, progress: float, status: str, code: int
) -> None:
    train = f"""
        signal.signal(signal.SIGTERM, {handler})
        ctx.logProgress({progress})
        Path("training").write_text("1")
        while not Path("leave").exists(): time.sleep(0.01)
    """
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == code
        assert app.reported == ["READY", "START", "progress", status]


WAITING = """
        ctx.logProgress(0.5)
        Path("training").write_text("1")
        while not Path("go on").exists(): time.sleep(0.01)
        ctx.logProgress(1)
"""


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGUSR2])
def test_signals_for_other_purposes_end_no_training(tmp_path: Path, signum: signal.Signals) -> None:
    with App(tmp_path, app_with(train=WAITING)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        os.kill(app.pid, signum)
        wait_for(lambda: "has no effect on the service" in app.log, lambda: app.log)
        app.write("go on", "")
        app.wait_reported("END 200")


def test_under_nohup_it_outlives_the_terminal(tmp_path: Path) -> None:
    with App(tmp_path, app_with(train=WAITING)) as app:
        app.start(["nohup", *APP_COMMAND])
        app.train()
        app.wait_file("training")
        for pid in (app.pid, app.pid_of("serve"), app.pid_of("model")):
            os.kill(pid, signal.SIGHUP)
        app.write("go on", "")
        app.wait_reported("END 200")
        app.terminate()
        assert app.wait() == 0


@pytest.mark.parametrize("command", [APP_COMMAND, ("bash", "run.sh")], ids=" ".join)
def test_a_console_that_nobody_reads_holds_up_neither_stop_nor_checkpoint(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    with App(tmp_path, app_with(train=STUBBORN_WORK)) as app:
        app.write("run.sh", "python3 -u app.py")
        app.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        app.start([*dubhe_command(), "launch", "--", *command], output=writing)
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.wait_file("checkpoint") == "TaskStopped"
        assert app.ends() == [STOPPED]
    os.close(reading)
    os.close(writing)
