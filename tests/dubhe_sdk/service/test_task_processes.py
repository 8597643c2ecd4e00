"""A stop and what the algorithm has started: who is told, may finish, is not waited for.

The limits are far longer than a test may take, so a test that passes did not wait for them.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import INFERENCE_ID, TRAIN_ID, App
from tests.support.processes import alive

LONG = {"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "600"}

HEAD = """
import atexit, multiprocessing, os, signal, subprocess, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import dubhe_sdk

def note(name, text="x"):
    with open(name, "a") as file:
        file.write(text)

def wait(*names):
    for name in names:
        while not Path(name).exists(): time.sleep(0.005)

def work(name="work"):
    note(name, str(os.getpid()))
    while True: time.sleep(0.01)
"""


def app_of(train: str, top: str = "", constructor: str = "pass") -> str:
    """Return an app whose training starts something and then waits for the stop."""
    body = textwrap.indent(textwrap.dedent(train).strip(), "        ")
    return f"""{HEAD}
{textwrap.dedent(top)}
@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        {constructor}

    @dubhe_sdk.train()
    def train(self, ctx):
{body}
        note("training")
        while True: time.sleep(0.01)

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return []
"""


def stop(app: App) -> None:
    """Start the training, stop it and wait for the end."""
    app.start()
    app.train()
    app.wait_file("training")
    app.terminate()
    assert app.wait() == 143
    assert app.reported[-1] == "END 300"
    assert len(app.ends()) == 1
    assert not app.marked.living()


LEFT = {
    "spawn": """
        multiprocessing.get_context("spawn").Process(target=work).start()
    """,
    "fork": """
        multiprocessing.get_context("fork").Process(target=work).start()
    """,
    "executor": """
        self.pool = ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
        self.pool.submit(work)
    """,
    "pool": """
        self.pool = multiprocessing.get_context("fork").Pool(2)
        self.pool.apply_async(work)
    """,
    "waited for at exit": """
        child = subprocess.Popen(["bash", "-c", "echo > work; sleep 600; true"])
        atexit.register(child.wait)
    """,
}


@pytest.mark.parametrize("way", LEFT)
def test_what_a_method_has_left_is_not_waited_for(tmp_path: Path, way: str) -> None:
    with App(tmp_path, app_of(LEFT[way] + '\n        wait("work")'), env=LONG) as app:
        stop(app)


@pytest.mark.parametrize("instance_id", [TRAIN_ID, INFERENCE_ID])
def test_what_a_constructor_has_started_is_not_waited_for(tmp_path: Path, instance_id: str) -> None:
    start = 'multiprocessing.get_context("fork").Process(target=work).start(); wait("work")'
    with App(tmp_path, app_of("pass", constructor=start), instance_id, env=LONG) as app:
        app.start()
        app.terminate()
        assert app.wait() == 0
        assert app.reported == ["READY"]
        assert not app.marked.living()


RANK = """
import os, signal, sys, time
from pathlib import Path

def save(signum, frame):
    with open("told", "a") as file: file.write("x")
    while not Path("save").exists(): time.sleep(0.005)
    time.sleep(0.4)  # a second SIGTERM would come meanwhile
    Path("saved").write_text("1")
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
Path("rank").write_text(str(os.getpid()))
while True: time.sleep(0.01)
"""
# As torchrun: its rank is a session of its own; what it gets it hands on, and waits.
LAUNCHER = """
import os, signal, subprocess, sys

rank = subprocess.Popen([sys.executable, "rank.py"], start_new_session=True)
signal.signal(signal.SIGTERM, lambda *_: rank.terminate())
while rank.poll() is None:
    try: rank.wait(0.05)
    except subprocess.TimeoutExpired: pass
sys.exit(1)
"""

RANKS = {
    "a rank": 'subprocess.Popen([sys.executable, "rank.py"])',
    "a rank below a shell": 'subprocess.Popen(["bash", "-c", f"{sys.executable} rank.py; true"])',
    "a launcher": 'subprocess.Popen([sys.executable, "launcher.py"])',
    "spawned": 'multiprocessing.get_context("spawn").Process(target=rank).start()',
    "forked": 'multiprocessing.get_context("fork").Process(target=rank).start()',
}


@pytest.mark.parametrize("way", RANKS)
def test_a_rank_that_saves_at_sigterm_is_told_once_and_waited_for(tmp_path: Path, way: str) -> None:
    top = 'def rank(): exec(compile(Path("rank.py").read_text(), "rank.py", "exec"), {})'
    train = f"""
        {RANKS[way].strip()}
        wait("rank")
        ctx.on_stop(lambda: note("save"))
    """
    with App(tmp_path, app_of(train, top), env=LONG) as app:
        app.write("rank.py", RANK)
        app.write("launcher.py", LAUNCHER)
        stop(app)
        assert (tmp_path / "saved").exists()
        assert (tmp_path / "told").read_text() == "x"


def test_those_that_a_killed_launcher_did_not_tell_are_told(tmp_path: Path) -> None:
    # subprocess.run kills what it has started as soon as something is raised in it.
    deaf = LAUNCHER.replace("lambda *_: rank.terminate()", "lambda *_: None")
    train = """
        def run():
            wait("rank")
            note("training")
        threading.Thread(target=run).start()
        Path("save").write_text("1")
        subprocess.run([sys.executable, "launcher.py"])
    """
    with App(tmp_path, app_of(train), env=LONG) as app:
        app.write("rank.py", RANK)
        app.write("launcher.py", deaf)
        stop(app)
        assert (tmp_path / "saved").exists()
        assert (tmp_path / "told").read_text() == "x"


def test_what_a_rank_reports_while_it_saves_comes_before_the_end(tmp_path: Path) -> None:
    top = """
        def rank():
            def save(signum, frame):
                wait("left")
                time.sleep(0.3)
                dubhe_sdk.current_context().logResult("saved")
                os._exit(0)
            signal.signal(signal.SIGTERM, save)
            work("rank")
    """
    train = """
        multiprocessing.get_context("spawn").Process(target=rank).start()
        wait("rank")
        try:
            note("training")
            while True: time.sleep(0.01)
        finally:
            note("left")
    """
    with App(tmp_path, app_of(train, top), env=LONG) as app:
        stop(app)
        assert app.reported[-2:] == ["result", "END 300"]


WORKER = {
    "with the default action": """
        multiprocessing.get_context("fork").Process(target=work, daemon=True).start()
    """,
    # As PyTorch's: a handler in the worker that ends it, and one in its parent that raises.
    "whose parent watches": """
        def failed(*_):
            if "dying" not in os.listdir("."): raise RuntimeError("a worker was killed")
        signal.signal(signal.SIGCHLD, failed)
        def load():
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
            work()
        multiprocessing.get_context("fork").Process(target=load, daemon=True).start()
    """,
}


@pytest.mark.parametrize("way", WORKER)
def test_a_data_loader_lives_while_the_method_saves(tmp_path: Path, way: str) -> None:
    train = f"""
        {WORKER[way].strip()}
        wait("work")
        note("training")
        try:
            while True: time.sleep(0.01)
        except dubhe_sdk.TaskStopped:
            time.sleep(0.7)  # the stop is repeated meanwhile
            os.kill(int(Path("work").read_text()), 0)
            note("saved")
            note("dying")
            raise
    """
    with App(tmp_path, app_of(train), env=LONG) as app:
        stop(app)
        assert (tmp_path / "saved").exists(), app.log


def test_nothing_is_touched_as_long_as_a_rank_saves(tmp_path: Path) -> None:
    train = """
        subprocess.Popen(["bash", "-c", f"{sys.executable} rank.py 2>&1 | tee log; echo > after"])
        wait("rank")
        ctx.on_stop(lambda: note("save"))
    """
    rank = RANK.replace('Path("saved")', 'print("saving", flush=True); Path("saved")')
    with App(tmp_path, app_of(train), env=LONG) as app:
        app.write("rank.py", rank)
        stop(app)
        assert (tmp_path / "log").read_text() == "saving\n"
        assert (tmp_path / "saved").exists()


@pytest.mark.parametrize("again", [False, True], ids=["its time is over", "a second signal"])
def test_a_rank_that_does_not_end_is_killed(tmp_path: Path, again: bool) -> None:
    env = LONG if again else {"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "1"}
    train = """
        subprocess.Popen([sys.executable, "rank.py"])
        wait("rank")
    """
    with App(tmp_path, app_of(train), env=env) as app:
        app.write("rank.py", RANK)
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        app.wait_file("told")
        app.wait_dead(app.pid_of("model"))
        assert alive(int(app.wait_file("rank"))) or not again
        assert len(app.ends()) == 0 or not again
        if again:
            app.terminate()
        assert app.wait() == 143
        assert app.reported == ["READY", "START", "END 300"]
        assert not app.marked.living()
