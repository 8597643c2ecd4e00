"""Training and evaluation, as the platform and the algorithm see them."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import PREDICT_ID, App

# As existing algorithms are written: the example of the first SDK's manual, unchanged but for
# the two functions that it leaves to the reader.
MANUAL_HEAD = """
import json
import os
import time
import torch
from torch import load as load_config

def get_time_stamp(): return "20210830140750571"
"""
MANUAL = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Predict_Model():
    def __init__(self, ctx:dubhe_sdk.Context):
        config_params = load_config('config/model_predict_config.json')
        self.model_name = config_params['model']
        self.batch_size = config_params['batch_size']
        # 离线评估启动加载模型
        model_path = ctx.get(dubhe_sdk.ContextKey.ENV_MODEL_PATH)
        model_dict = torch.load(model_path)
        self.code_list = model_dict['code_list']
        self.state_dict = model_dict['state_dict']

    @dubhe_sdk.predict()
    def predict(self, ctx: dubhe_sdk.ContextKey):
        self.data_paths = ctx.get(dubhe_sdk.ContextKey.KEY_DATA_PATHS)
        self.debug_dir = ctx.get(dubhe_sdk.ContextKey.KEY_TMP_DIR)
        self.output_dir = ctx.get(dubhe_sdk.ContextKey.KEY_OUTPUT_DIR)
        # prepeare dir
        if not os.path.exists(self.debug_dir):
            os.makedirs(self.debug_dir, exist_ok=True)
            if not os.path.exists(self.output_dir):
                os.makedirs(self.output_dir, exist_ok=True)
        ctx.log('model train starting...')
        epoch, loss, train_acc = 3, torch.Tensor(0.123456789), 0.5
        progress = (epoch + 1) / (7 + 1)
        Metrics = dict()
        Metrics['loss'] = round(loss.mean().item(),6)
        Metrics['accuracy'] = train_acc
        ctx.logProgressByEpoch(epoch, round(progress, 2), Metrics)
        ctx.logProgressByBatch(epoch, 4, 29, progress, Metrics)
        ctx.logProgress(progress)
        ctx.logResultDetails("a.png", "A", "B", round(float("0.98765432"),6))
        predict_json = {"own": [1, 2]}
        ctx.logResult(predict_json)
        stamp = get_time_stamp()
        save_model_epoch = 'model_{}_{}_{:.2f}.pth'.format(stamp, epoch, loss.cpu().item())
        torch.save(self.state_dict, os.path.join(self.output_dir, save_model_epoch))
"""
TORCH = """
import json

class Tensor:
    def __init__(self, value): self.value = value
    def mean(self): return self
    def cpu(self): return self
    def item(self): return self.value

def load(path):
    with open(path) as file: return json.load(file)

def save(value, path):
    with open(path, "w") as file: json.dump(value, file)
"""


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_the_example_of_the_manual_works_unchanged(tmp_path: Path, protocol: str) -> None:
    env = {"model_path": str(tmp_path / "model.pth")}
    with App(tmp_path, MANUAL_HEAD + MANUAL, PREDICT_ID, protocol, env) as app:
        app.write("torch.py", TORCH)
        app.write("model.pth", '{"code_list": ["A"], "state_dict": {"w": 1}}')
        (tmp_path / "config").mkdir()
        app.write("config/model_predict_config.json", '{"model": "net", "batch_size": 2}')
        app.write("run.sh", f'export protocol="{protocol}"\npython3 -u app.py\n')
        app.env["protocol"] = "wrong, but run.sh sets it"
        app.env["PATH"] = f"{Path(sys.executable).parent}:{app.env['PATH']}"
        app.start(["bash", "run.sh"])
        assert app.predict(data_paths=["/data"]) == {
            "flag": 1,
            "message": "model predict starting now",
        }
        app.wait_reported("END")
        metrics = {"loss": 0.123457, "accuracy": 0.5}
        assert app.data == [
            {"action": "READY", "status": 200, "msg": "model is ready"},
            {"action": "START", "status": 200, "msg": "model predict starting"},
            {**metrics, "progress": 0.5, "epoch": 3},
            {**metrics, "progress": 0.5, "epoch": 3},
            {"progress": 0.5},
            [
                {
                    "img_path": "a.png",
                    "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.987654}],
                }
            ],
            {"own": [1, 2]},
            {"action": "END", "status": 200, "msg": "model predict end"},
        ]
        saved = tmp_path / "output" / "models" / "model_20210830140750571_3_0.12.pth"
        assert saved.read_text() == '{"w": 1}'
        assert (app.temporary / "debug").is_dir()
        assert "model train starting..." in app.log


HEAD = """
import asyncio, ctypes, multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import dubhe_sdk
"""


def app_of(train: str, top: str = "", constructor: str = "pass") -> str:
    """Return an app whose training is of a few lines."""
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
"""


STOPS = {
    "own handler exits": """
        def save(*_):
            Path("saved").write_text("1")
            time.sleep(0.7)  # the stop is repeated meanwhile
            Path("complete").write_text("1")
            sys.exit(0)
        signal.signal(signal.SIGTERM, save)
        ctx.logProgress(0.25)
        while True: time.sleep(0.01)
    """,
    "own handler sets a flag": """
        stop = []
        signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
        ctx.logProgress(0.25)
        while not stop: time.sleep(0.01)
        Path("saved").write_text("1")
        Path("complete").write_text(str(len(stop)))
    """,
    "an exit of a library's own": """
        class SIGTERMException(SystemExit): pass
        def handle(*_): raise SIGTERMException()
        signal.signal(signal.SIGTERM, handle)
        ctx.logProgress(0.25)
        try:
            while True: time.sleep(0.01)
        finally:
            Path("saved").write_text("1")
            Path("complete").write_text("1")
    """,
    "an action set in C": """
        ctypes.CDLL(None).signal(signal.SIGTERM, ctypes.CDLL(None).abort)
        ctx.logProgress(0.25)
        try:
            while True: time.sleep(600)
        except dubhe_sdk.TaskStopped:
            Path("saved").write_text("1")
            Path("complete").write_text("1")
    """,
    "polls": """
        told = []
        ctx.on_stop(lambda: told.append(1))
        ctx.on_stop(lambda: 1 / 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = multiprocessing.get_context("fork").Process(target=wait_for_stop, args=(ctx,))
        child.start()
        ctx.logProgress(0.25)
        while not ctx.stopping: time.sleep(0.01)
        child.join()
        Path("saved").write_text("1")
        Path("complete").write_text(str(len(told)))
    """,
    "returns in its except": """
        ctx.logProgress(0.25)
        try:
            while True: time.sleep(600)
        except dubhe_sdk.TaskStopped:
            Path("saved").write_text("1")
            Path("complete").write_text("1")
    """,
}
POLL = """
def wait_for_stop(ctx):
    while not dubhe_sdk.current_context().stopping: time.sleep(0.01)
"""


@pytest.mark.parametrize("way", STOPS)
def test_a_task_that_was_cut_off_did_not_end_well(tmp_path: Path, way: str) -> None:
    with App(tmp_path, app_of(STOPS[way], POLL)) as app:
        app.start()
        app.train()
        app.wait_reported("progress")
        app.terminate()
        assert app.wait() == 143
        assert (tmp_path / "saved").exists()
        assert app.wait_file("complete") == "1"
        assert app.reported == ["READY", "START", "progress", "END 300"]
        assert ("ZeroDivisionError" in app.log) == (way == "polls")


def test_a_task_that_went_on_to_its_end_ended_well(tmp_path: Path) -> None:
    train = """
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
        ctx.logProgress(0.25)
        while not stopped: time.sleep(0.01)
        ctx.logProgress(1)
    """
    with App(tmp_path, app_of(train, "stopped = []")) as app:
        app.start()
        app.train()
        app.wait_reported("progress")
        app.terminate()
        assert app.wait() == 0
        assert app.reported == ["READY", "START", "progress", "progress", "END 200"]


def test_an_idle_service_ends_whoever_has_taken_sigterm(tmp_path: Path) -> None:
    top = "signal.signal(signal.SIGTERM, lambda *_: None)"
    with App(tmp_path, app_of("pass", top)) as app:
        app.start()
        app.terminate()
        assert app.wait(5) == 0
        assert "killed" not in app.log


def test_what_fails_while_it_saves_is_in_the_log(tmp_path: Path) -> None:
    train = """
        ctx.logProgress(0.25)
        try:
            while True: time.sleep(600)
        except dubhe_sdk.TaskStopped:
            raise OSError(28, "the checkpoint finds no space")
    """
    with App(tmp_path, app_of(train)) as app:
        app.start()
        app.train()
        app.wait_reported("progress")
        app.terminate()
        assert app.wait() == 143
        assert "the task failed while it was stopped:\nTraceback" in app.log
        assert "the checkpoint finds no space" in app.log


UNRUN = {
    "coroutine": ("async def work():\n    await asyncio.sleep(0)", "the coroutine work"),
    "generator": ("def work():\n    yield 1", "the generator work"),
    "async generator": ("async def work():\n    yield 1", "the async generator work"),
}


@pytest.mark.parametrize("what", UNRUN)
def test_a_task_of_which_nothing_has_run_did_not_end_well(tmp_path: Path, what: str) -> None:
    top, words = UNRUN[what]
    with App(tmp_path, app_of("return work()", top)) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        assert app.reported == ["READY", "START", "END 300"]
        assert words in app.ends()[0]["msg"]
        assert "never awaited" not in app.console


def test_the_text_of_an_end_is_one_line(tmp_path: Path) -> None:
    with App(tmp_path, app_of("raise ValueError('a\\nb\\x1b[31m' + 5000 * 'c' + 'end')")) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        text = app.ends()[0]["msg"]
        assert "ValueError: a b\\x1b[31mccc" in text
        assert text.endswith("ccc…") and len(text) < 1200
        assert "cccend" in app.log


LEFT = {
    "thread": "threading.Thread(target=report, args=(ctx,), daemon=True).start()",
    "fork": "multiprocessing.get_context('fork').Process(target=report, args=(ctx,)).start()",
    "spawn": "multiprocessing.get_context('spawn').Process(target=report, args=(ctx,)).start()",
    "current": "multiprocessing.get_context('spawn').Process(target=report).start()",
}
REPORT = """
def report(ctx=None):
    ctx = ctx or dubhe_sdk.current_context()
    ctx.logProgress(0.5)
    Path("reports").write_text("1")
    for number in range(200):
        ctx.logProgress(0.5)
        ctx.logResult(number)
        time.sleep(0.01)
    Path("through").write_text("1")
"""


@pytest.mark.parametrize("way", LEFT)
def test_what_is_left_of_a_task_says_nothing_after_its_end(tmp_path: Path, way: str) -> None:
    train = f"""
        if not Path("reports").exists():
            {LEFT[way]}
        while not Path("reports").exists(): time.sleep(0.01)
    """
    with App(tmp_path, app_of(train, REPORT)) as app:
        app.start()
        app.train()
        app.wait_file("through")
        app.train()
        app.wait_reported("END", 2)
        assert app.reported[-3:] == ["END 200", "START", "END 200"]
        assert app.log.count("after the end of its task is dropped") == 1


def test_what_a_child_reports_while_the_task_is_stopped_comes_before_its_end(
    tmp_path: Path,
) -> None:
    report = """
def report(ctx):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.logProgress(0.5)
    Path("reports").write_text("1")
    while not Path("saved").exists(): time.sleep(0.01)
    time.sleep(0.1)
    ctx.logResult("late")
"""
    train = """
        multiprocessing.get_context("fork").Process(target=report, args=(ctx,)).start()
        try:
            while True: time.sleep(0.01)
        finally:
            Path("saved").write_text("1")
    """
    with App(tmp_path, app_of(train, report)) as app:
        app.start()
        app.train()
        app.wait_file("reports")
        app.terminate()
        assert app.wait() == 143
        assert app.reported[-2:] == ["result", "END 300"]
        assert "is dropped" not in app.log


WORK = """
def number(_=None):
    try:
        ctx = dubhe_sdk.current_context()
    except dubhe_sdk.NoCurrentTask:
        return "none"
    ctx.logProgress(ctx.get("number") / 10)
    return str(ctx.get("number"))
"""


@pytest.mark.parametrize("made", ["constructor", "task"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_that_lives_on_works_for_the_task_that_runs(
    tmp_path: Path, method: str, made: str
) -> None:
    make = f"ProcessPoolExecutor(1, multiprocessing.get_context({method!r}))"
    constructor = f"self.pool = {make}; self.pool.submit(number).result()"
    train = """
        self.pool = self.pool or MAKE
        found = self.pool.submit(number).result()
        Path(f"of-{ctx.get('number')}").write_text(found)
        late.append(threading.Timer(0.2, lambda: Path(f"late-{found}").write_text(
            self.pool.submit(number).result())))
        late[-1].start()
    """
    source = app_of(
        train.replace("MAKE", make),
        "late = []\n" + WORK,
        constructor if made == "constructor" else "self.pool = None",
    )
    # The path of the fork server's socket must be short.
    with App(tmp_path, source, env={"TMPDIR": "/tmp"}) as app:
        app.start()
        for number in (1, 2):
            app.train(number=number)
            app.wait_reported("END", number)
            assert app.wait_file(f"of-{number}") == str(number)
            assert app.wait_file(f"late-{number}") == "none"
        assert app.reported == ["READY", *["START", "progress", "END 200"] * 2]
