"""Several model processes (DUBHE_INFERENCE_WORKERS), end to end with real processes and signals."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.harness import INFERENCE_ID, TRAIN_ID, App
from tests.support.clients import CLIENTS
from tests.support.no_forks import NoForks
from tests.support.users import AS_UNKNOWN_USER, UNKNOWN_UID
from tests.support.waiting import wait_for

PROTOCOLS = ["tcp", "http"]
WORKERS = 3


def app_with(infer: str, constructor: str = "pass") -> str:
    """Return an app of a few lines; ``index`` is the process's number."""
    return f"""
import os, signal, subprocess, sys, time
from pathlib import Path
import dubhe_sdk

index = int(os.environ["DUBHE_WORKER_INDEX"])

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        {constructor}

    @dubhe_sdk.train()
    def train(self, ctx):
        Path("trained").write_text(str(index))

    @dubhe_sdk.inference()
    def infer(self, ctx):
        what = ctx.get("what")
        {infer}
"""


WHO = """
        number = ctx.get("number", None)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "hold":
            Path(f"held-{number}").write_text(str(index))
            while not Path(f"release-{number}").exists():
                time.sleep(0.005)
        if what == "short":
            time.sleep(0.005)
        if what == "daemon":
            # Its parent ends at once, so that the service adopts it.
            daemon = "setsid sleep 600 >/dev/null 2>&1 & echo $!"
            return [int(subprocess.check_output(["sh", "-c", daemon])), index]
        return [os.getpid(), index, number]
"""


def workers(number: int = WORKERS, **more: str) -> dict[str, str]:
    return {"DUBHE_INFERENCE_WORKERS": str(number), **more}


def data_of(reply: dict[str, Any]) -> Any:
    assert reply["flag"] == 1, reply
    return reply["data"]


def release(app: App, *numbers: int) -> None:
    for number in numbers:
        app.write(f"release-{number}", "")


@contextmanager
def held(app: App, *numbers: int) -> Iterator[list[Any]]:
    """Keep inferences running, one for each number; their replies are there afterwards."""
    replies: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: replies.append(app.infer(what="hold", number=n)))
        for n in numbers
    ]
    for thread in threads:
        thread.start()
    try:
        for number in numbers:
            app.wait_file(f"held-{number}")
        yield replies
    finally:
        release(app, *numbers)
        for thread in threads:
            thread.join()


def index_of(app: App, number: int) -> int:
    return int(app.wait_file(f"held-{number}"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_process_runs_one_and_the_next_is_refused(tmp_path: Path, protocol: str) -> None:
    env = workers(DUBHE_INFERENCE_QUEUE="0")
    with App(tmp_path, app_with(WHO), INFERENCE_ID, protocol, env) as app:
        app.start()
        assert len(app.pids_of("model")) == WORKERS  # READY waits for all of them
        with held(app, *range(WORKERS)) as replies:
            assert {index_of(app, number) for number in range(WORKERS)} == set(range(WORKERS))
            assert app.infer() == {
                "flag": 2,
                "message": "service is overloaded: 3 inferences are running "
                "(DUBHE_INFERENCE_CONCURRENCY in each of DUBHE_INFERENCE_WORKERS processes) and "
                "0 are waiting (DUBHE_INFERENCE_QUEUE), as many as allowed; send it again later",
            }
            assert app.send(0) == {"flag": 1, "message": "service online"}
        assert sorted(data_of(reply)[2] for reply in replies) == list(range(WORKERS))
        assert app.reported == ["READY"]


def test_concurrency_holds_for_each_process(tmp_path: Path) -> None:
    env = workers(2, DUBHE_INFERENCE_CONCURRENCY="2", DUBHE_INFERENCE_QUEUE="0")
    with App(tmp_path, app_with(WHO), INFERENCE_ID, env=env) as app:
        app.start()
        with held(app, 0, 1, 2, 3):
            assert Counter(index_of(app, number) for number in range(4)) == {0: 2, 1: 2}
            assert app.infer()["flag"] == 2
        assert app.infer()["flag"] == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_killed_under_load_fails_its_own_request_alone(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, app_with(WHO), INFERENCE_ID, protocol, workers()) as app:
        app.start()
        victim = app.pid_of("model")
        stop = threading.Event()
        answers: list[tuple[int, dict[str, Any]]] = []

        def load(first: int) -> None:
            client = CLIENTS[protocol](app.port)
            request = {"req_type": 3, "instance_id": INFERENCE_ID, "image_names": []}
            number = first
            while not stop.is_set():
                reply = client.send({**request, "what": "short", "number": number})
                answers.append((number, reply))
                number += 100
            client.close()

        with ThreadPoolExecutor(8) as pool:
            loads = [pool.submit(load, client) for client in range(8)]
            wait_for(lambda: len(answers) > 50, "answers")
            os.kill(victim, signal.SIGKILL)
            app.wait_dead(victim)
            wait_for(lambda: len(app.pids_of("model")) == WORKERS, "a new process")
            wait_for(lambda: set(app.pids_of("model")) <= pids_in(answers), "all serve")
            stop.set()
            for done in loads:
                done.result()
        failures = [reply for _, reply in answers if reply["flag"] != 1]
        died = "model failed: the model process died while it worked on the request"
        assert [reply["message"] for reply in failures] in ([], [died])  # none: it was idle
        for number, reply in answers:
            if reply["flag"] == 1:
                assert reply["data"][2] == number  # each got its own answer
        numbers = [number for number, _ in answers]
        assert len(set(numbers)) == len(numbers)
        indexes = {(reply["data"][0], reply["data"][1]) for _, reply in answers if "data" in reply}
        assert Counter(index for _, index in indexes) == {0: 2, 1: 1, 2: 1}  # its number stays
        assert "model process 0 was killed by SIGKILL (" in app.log
        assert app.reported == ["READY"]
        app.terminate()
        assert app.wait() == 0
        app.wait_gone()


def pids_in(answers: list[tuple[int, dict[str, Any]]]) -> set[int]:
    return {reply["data"][0] for _, reply in answers if "data" in reply}


def test_those_that_wait_are_served_by_the_others(tmp_path: Path) -> None:
    # The second construction of number 1 waits, so that it is missing meanwhile.
    slow = (
        'made = Path(f"made-{index}"); again = made.exists(); made.write_text("x")\n'
        '        while again and not Path("go on").exists(): time.sleep(0.005)'
    )
    with App(tmp_path, app_with(WHO, slow), INFERENCE_ID, env=workers(2)) as app:
        app.start()
        with held(app, 0, 1) as replies, ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(app.infer, what="who", number=n) for n in range(10, 14)]
            (victim,) = [n for n in (0, 1) if index_of(app, n) == 1]
            pid = max(app.pids_of("model"))
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: "it starts again" in app.log or replies, "the death")
            wait_for(lambda: replies, "the failed reply")
            assert replies[0]["flag"] == 2
            assert not any(future.done() for future in waiting)
            release(app, 1 - victim)
            assert [data_of(f.result(20))[1:] for f in waiting] == [[0, n] for n in range(10, 14)]
        assert data_of(app.infer())[1] == 0
        done = subprocess.run(
            [*dubhe_command(), "health"], env=app.env, capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 0  # it serves
        assert "ready: 1 of 2 serve: model process 1 was killed by SIGKILL (" in done.stdout
        app.write("go on", "")
        with held(app, 20, 21):  # as soon as it is there again
            assert {index_of(app, 20), index_of(app, 21)} == {0, 1}


def test_one_that_cannot_be_started_again_is_one_that_died(tmp_path: Path) -> None:
    forks = NoForks(tmp_path)
    with App(tmp_path, app_with(WHO), INFERENCE_ID, env=forks.env) as app:
        app.start()
        with forks.forbidden():
            os.kill(app.pid_of("model"), signal.SIGKILL)
            wait_for(lambda: app.log.count("cannot be started: ") >= 2, lambda: app.log)
        wait_for(lambda: app.infer()["flag"] == 1, lambda: app.log)
        assert app.reported == ["READY"]


def test_all_killed_is_reported_and_all_come_back(tmp_path: Path) -> None:
    with App(tmp_path, app_with(WHO), INFERENCE_ID, env=workers(2)) as app:
        app.start()
        first = set(app.pids_of("model"))
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        for pid in first:
            app.wait_dead(pid)
        assert app.send(0)["flag"] == 1

        def both() -> bool:
            with ThreadPoolExecutor(4) as pool:
                replies = list(pool.map(lambda _: app.infer(what="short"), range(8)))
            return {r["data"][1] for r in replies if r["flag"] == 1} == {0, 1}

        wait_for(both, lambda: app.log)
        assert not first & set(app.pids_of("model"))
        assert app.reported == ["READY"]


def test_what_a_dead_process_left_is_ended_and_what_the_others_left_is_not(tmp_path: Path) -> None:
    with App(tmp_path, app_with(WHO), INFERENCE_ID, env=workers(2)) as app:
        app.start()
        of_first, index = data_of(app.infer(what="daemon"))
        assert index == 0
        with held(app, 0):  # the first one is busy
            of_second, index = data_of(app.infer(what="daemon"))
            assert index == 1
        assert {of_first, of_second} <= app.marked.living().keys()
        os.kill(app.pid_of("model"), signal.SIGKILL)
        app.wait_dead(of_first)
        wait_for(lambda: "outlived it were ended: 1" in app.log, lambda: app.log)
        assert of_second in app.marked.living()
        app.terminate()
        assert app.wait() == 0
        app.wait_gone()


@pytest.mark.parametrize(
    ("constructor", "what"),
    [
        ('if index == 1: raise MemoryError("no room on the GPU")', "MemoryError: no room"),
        ("if index == 1: os.kill(os.getpid(), 9)", "was killed by SIGKILL ("),
    ],
    ids=["raises", "killed"],
)
def test_one_that_cannot_be_constructed_ends_the_service(
    tmp_path: Path, constructor: str, what: str
) -> None:
    with App(tmp_path, app_with(WHO, constructor), INFERENCE_ID, env=workers(2)) as app:
        app.start(until=None)
        assert app.wait() == (137 if "SIGKILL" in what else 1)
        (end,) = app.data  # and no READY
        assert end["status"] == 300
        assert "model process 1" in end["msg"] and what in end["msg"]
        app.wait_gone()


def test_running_inferences_are_answered_before_the_end(tmp_path: Path) -> None:
    with App(tmp_path, app_with(WHO), INFERENCE_ID, env=workers(2)) as app:
        app.start()
        with held(app, 0, 1) as replies:
            app.terminate()
            wait_for(lambda: "the service ends" in app.log, lambda: app.log)
        assert sorted(data_of(reply)[1] for reply in replies) == [0, 1]
        assert app.wait() == 0
        app.wait_gone()


def test_manual_mode_learns_from_the_app_how_many_are_wanted(tmp_path: Path) -> None:
    source = app_with(WHO).replace("@dubhe_sdk.train()", "")
    with App(tmp_path, source, "", env=workers(2)) as app:
        app.start()
        assert len(app.pids_of("model")) == 2


def test_each_process_can_choose_a_device_by_its_number(tmp_path: Path) -> None:
    """As the README says: after the import of the SDK, and before that of what uses it."""
    choose = """index = int(os.environ["DUBHE_WORKER_INDEX"])
devices = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
os.environ["CUDA_VISIBLE_DEVICES"] = devices[index % len(devices)]
"""
    source = app_with('return os.environ["CUDA_VISIBLE_DEVICES"]')
    source = source.replace('index = int(os.environ["DUBHE_WORKER_INDEX"])\n', choose)
    env = workers(2, CUDA_VISIBLE_DEVICES="4,7")
    with App(tmp_path, source, INFERENCE_ID, env=env) as app:
        app.start()
        first = app.pid_of("model")
        assert data_of(app.infer()) == "4"
        os.kill(first, signal.SIGSTOP)  # it takes one, and the next goes to the other
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(app.infer) for _ in range(2)]
            done = wait_for(lambda: [b for b in both if b.done()], "the other's answer")
            assert data_of(done[0].result()) == "7"
            os.kill(first, signal.SIGCONT)
            assert sorted(data_of(future.result()) for future in both) == ["4", "7"]


@pytest.mark.needs("root")
def test_an_unknown_user_without_a_home_has_one(tmp_path: Path) -> None:
    source = """
    import dubhe_sdk
    from pathlib import Path

    @dubhe_sdk.pipeline()
    class Model:
        def __init__(self, ctx):
            ctx.log(f"home {Path.home()}")

        @dubhe_sdk.train()
        def train(self, ctx):
            pass
    """
    with App(tmp_path, source) as app:
        app.temporary.mkdir()
        for folder in (app.temporary, Path(app.env["TMPDIR"])):
            os.chown(folder, UNKNOWN_UID, UNKNOWN_UID)
        app.start([*AS_UNKNOWN_USER, sys.executable, "-u", "app.py"])
        assert "home /\n" in app.log


def test_a_training_has_one_process(tmp_path: Path) -> None:
    with App(tmp_path, app_with(WHO), TRAIN_ID, env=workers()) as app:
        app.start()
        assert len(app.pids_of("model")) == 1
        app.train()
        app.wait_reported("END 200")
        assert app.wait_file("trained") == "0"


def test_throughput_of_a_model_that_waits_grows_with_the_processes(tmp_path: Path) -> None:
    """Both services run at the same time and take turns, so that a busy machine slows both."""
    sleep = "time.sleep(0.02)\n        return []"
    with (
        App(tmp_path / "1", app_with(sleep), INFERENCE_ID, env=workers(1)) as one,
        App(tmp_path / "4", app_with(sleep), INFERENCE_ID, env=workers(4)) as four,
    ):
        one.start()
        four.start()
        with clients(one, 8) as rate_of_one, clients(four, 8) as rate_of_four:
            ratios = [rate_of_four(40) / rate_of_one(20) for _ in range(5)]
        # Four on an idle machine. A second round of the same is no less.
        assert statistics.median(ratios) > 2, ratios


def test_heartbeats_under_load_of_all_processes(tmp_path: Path) -> None:
    """Heartbeats pass by inferences that wait, however long those take."""
    with App(tmp_path, app_with(WHO), INFERENCE_ID, env=workers(2)) as app:
        app.start()
        with held(app, 0, 1), ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(app.infer, what="short") for _ in range(8)]
            client = app.client()
            for _ in range(100):
                reply = client.send({"req_type": 0, "instance_id": INFERENCE_ID})
                assert reply == {"flag": 1, "message": "service online"}
            assert not any(future.done() for future in waiting)
            release(app, 0, 1)
            assert all(future.result()["flag"] == 1 for future in waiting)


@contextmanager
def clients(app: App, number: int) -> Iterator[Callable[[int], float]]:
    """Yield a function that sends so many requests and returns the rate, in requests a second."""
    connections = [app.client() for _ in range(number)]
    request = {"req_type": 3, "instance_id": INFERENCE_ID, "image_names": []}

    with ThreadPoolExecutor(number) as pool:

        def rate(requests: int) -> float:
            def send(client: Any) -> None:
                for _ in range(requests // number + 1):
                    assert client.send(request)["flag"] == 1

            began = time.perf_counter()
            list(pool.map(send, connections))
            return (requests // number + 1) * number / (time.perf_counter() - began)

        yield rate
