"""What a context reports: progress, metrics, results, log lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dubhe_sdk.api.context import Context
from dubhe_sdk.spool.merge import SpoolReader
from tests.dubhe_sdk.api.support import INFERENCE, data_of, messages_of

pytestmark = pytest.mark.usefixtures("env", "no_task_of_another_test")


def test_progress_messages(tmp_path: Path) -> None:
    ctx = Context()
    ctx.logProgress(0.25)
    ctx.logProgressByEpoch(3, 0.5, {"loss": 0.5, "accuracy": np.float32(0.25)})
    ctx.logProgressByBatch(3, 4, 29, 0.75, {"loss": 0.125})
    ctx.logProgressByEpoch(4, 1, {})
    assert data_of(tmp_path) == [
        {"progress": 0.25},
        {"loss": 0.5, "accuracy": 0.25, "progress": 0.5, "epoch": 3},
        {"loss": 0.125, "progress": 0.75, "epoch": 3},
        {"progress": 1.0, "epoch": 4},
    ]
    assert {value["mes_type"] for value in messages_of(tmp_path)} == {2}


def test_arguments_by_name(tmp_path: Path) -> None:
    ctx = Context()
    ctx.logProgressByEpoch(epoch=1, progress=0.5, Metrics={"a": 1})
    ctx.logProgressByBatch(epoch=1, batch_idx=0, batchsize=2, progress=0.5, Metrics={"a": 1})
    ctx.logProgress(progress=0.5)
    ctx.logResult(predict_json=[1])
    ctx.logResultDetails(
        img_path="a.png", ground_true="A", predict_code="B", conf=0.5, shape_type="r",
        position=[(1, 2, 3, 4, 0.5)], special=None,
    )  # fmt: skip
    ctx.log("text")
    assert len(messages_of(tmp_path)) == 5


def test_the_batch_travels_beside_the_message_not_in_it(tmp_path: Path) -> None:
    ctx = Context()
    for batch, batches in ((4, 29), (-1, 29), (2**40, 2**41), ("x", None)):
        ctx.logProgressByBatch(3, batch, batches, 0.75, {})  # type: ignore[arg-type]
    reader = SpoolReader(tmp_path / "spool", {}, pytest.fail)
    frames = [spooled.frame for spooled in reader.read()]
    reader.close()
    assert [(frame.batch, frame.batches) for frame in frames] == [(4, 29), (0, 0), (0, 0), (0, 0)]
    assert {frame.value.partition(b'"data":')[2] for frame in frames} == {
        b'{"progress":0.75,"epoch":3}}'
    }


def test_the_callers_metrics_are_not_changed() -> None:
    metrics = {"loss": float("nan"), "accuracy": 1.0, "bad": "text"}
    before = repr(metrics)
    ctx = Context()
    ctx.logProgressByEpoch(1, 0.5, metrics)
    ctx.logProgressByBatch(1, 1, 2, 0.5, metrics)
    assert repr(metrics) == before
    plain = {"loss": 1.0}
    ctx.logProgressByEpoch(1, 0.5, plain)
    assert plain == {"loss": 1.0}


def test_nothing_that_is_reported_raises(tmp_path: Path) -> None:
    ctx = Context()
    ctx.logProgress("half")  # type: ignore[arg-type]
    ctx.logProgressByEpoch("x", None, None)  # type: ignore[arg-type]
    ctx.logProgressByEpoch(10**5000, 10**5000, {"big": 10**5000, "\udce9": 1})
    ctx.logProgressByBatch(None, None, None, [], 7)  # type: ignore[arg-type]
    ctx.logResult({"a": {1, 2}, "b": object(), "c": b"\xff", (1, 2): float("inf")})
    assert len(messages_of(tmp_path)) == 5


def test_results(tmp_path: Path) -> None:
    ctx = Context()
    ctx.logResult({"own": ["format", 1]})
    returned = ctx.logResultDetails("a.png", "A", "B", 0.5)
    boxes = ctx.logResultDetails("a.png", "A", "B", -1, "rect", [(1, 2, 3, 4, 0.9)], "s")
    assert data_of(tmp_path) == [{"own": ["format", 1]}, returned, boxes]
    assert {value["mes_type"] for value in messages_of(tmp_path)} == {3}


def test_inference_only_logs_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_ID", INFERENCE)
    ctx = Context()
    returned = ctx.logResultDetails("文.png", "A", "B", np.float32(0.5))
    ctx.logResult({"own": 1})
    assert returned == [
        {"img_path": "文.png", "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.5}]}
    ]
    assert not (tmp_path / "spool").exists()
    lines = (tmp_path / "log" / "dubhe.log").read_text("utf-8").splitlines()
    assert lines[0].endswith(
        'result [{"img_path":"文.png","info":[{"ground_true":"A","predict_code":"B","conf":0.5}]}]'
    )
    assert lines[1].endswith('result {"own":1}')


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("plain 100% text",), "plain 100% text"),
        (("%d of %s", 3, "x"), "3 of x"),
        (("loss", 0.5, 3), "loss 0.5 3"),
        (("%d", "x"), "%d x"),
        (("%(a)s", {"a": 1}), "1"),
        (("%s", {"a": 1}), "{'a': 1}"),
        (("%(b)s", {"a": 1}), "%(b)s {'a': 1}"),
        (("%s", {}), "{}"),
        (("image %s", "\udce9.png"), "image \\udce9.png"),
        (({"a": 1},), "{'a': 1}"),
        ((5,), "5"),
    ],
)
def test_log_lines(tmp_path: Path, arguments: tuple[Any, ...], line: str) -> None:
    Context().log(*arguments)
    assert (tmp_path / "log" / "dubhe.log").read_text("utf-8").endswith(f" {line}\n")
