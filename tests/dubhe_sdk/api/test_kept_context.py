"""The constructor's context, kept by the algorithm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import INFERENCE_ID, TRAIN_ID, App

KEEPING = """
import multiprocessing, threading, time
from pathlib import Path
import dubhe_sdk

def report(ctx):
    ctx.logProgressByEpoch(1, 0.5, {"of": ctx.get("number")})

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.ctx = ctx
        assert ctx.json_request == {} and ctx.get("split_rate") == 0.1
        assert ctx.get("INSTANCE_ID")

    @dubhe_sdk.train()
    def train(self, ctx):
        assert isinstance(self.ctx, dubhe_sdk.Context)
        assert self.ctx.json_request is ctx.json_request
        assert self.ctx.get("split_rate") == ctx.get("number") / 10
        self.ctx.logProgressByBatch(1, 2, 3, 0.25, {"of": ctx.get("number")})
        for method in ("fork", "spawn"):
            process = multiprocessing.get_context(method).Process(target=report, args=(self.ctx,))
            process.start()
            process.join()
            assert process.exitcode == 0
        self.ctx.logResult(ctx.get("number"))
        self.ctx.logProgress(1)
        assert self.ctx.last_progress == ctx.last_progress == 1

        def late():
            while not Path(f"ended-{ctx.get('number')}").exists(): time.sleep(0.01)
            self.ctx.logProgress(0.5)
            Path("late").write_text("1")
        if ctx.get("number") == 2:
            threading.Thread(target=late, daemon=True).start()

    @dubhe_sdk.inference()
    def inference(self, ctx):
        return [self.ctx.get("number"), self.ctx.json_request == ctx.json_request]
"""


def test_it_answers_for_the_task_that_runs(tmp_path: Path) -> None:
    with App(tmp_path, KEEPING, TRAIN_ID) as app:
        app.start()
        for number in (1, 2):
            assert app.train(number=number, split_rate=number / 10)["flag"] == 1
            app.wait_reported("END", number)
        app.write("ended-2", "")
        app.wait_file("late")
        tasks = [
            [
                {"action": "START", "status": 200, "msg": "model train starting"},
                {"of": number, "progress": 0.25, "epoch": 1},
                {"of": number, "progress": 0.5, "epoch": 1},
                {"of": number, "progress": 0.5, "epoch": 1},
                number,
                {"progress": 1},
                {"action": "END", "status": 200, "msg": "model train end"},
            ]
            for number in (1, 2)
        ]
        assert app.data[1:] == tasks[0] + tasks[1]
        assert "after the end of its task is dropped" in app.log


@pytest.mark.parametrize("concurrency", [1, 4])
def test_it_answers_for_the_inference_that_runs(tmp_path: Path, concurrency: int) -> None:
    env = {"DUBHE_INFERENCE_CONCURRENCY": str(concurrency)}
    with App(tmp_path, KEEPING, INFERENCE_ID, env=env) as app:
        app.start()
        for number in (1, 2):
            assert app.infer(number=number)["data"] == [number, True]
