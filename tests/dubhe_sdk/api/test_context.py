from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dubhe_sdk
from dubhe_sdk.api import context as contexts
from dubhe_sdk.api.context import Context, current, set_task, with_instance
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import Settings, read_settings
from dubhe_sdk.errors import EnvironmentInvalid, NoCurrentTask
from dubhe_sdk.spool.merge import SpoolReader
from tests.support.environ import clean_environ

TRAIN = "modelid1412-algorithm112345540-train-1412-4"
INFERENCE = "modelid1412-algorithm112345540-inference-1412-4"


@pytest.fixture(autouse=True)
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give this process and its children an algorithm's environment."""
    given = {"DUBHE_TEMPORARY": str(tmp_path), "INSTANCE_ID": TRAIN}
    for name in set(os.environ) - set(clean_environ()):
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.fixture(autouse=True)
def _no_task_of_another_test() -> Iterator[None]:
    yield
    set_task(None)
    for reporter in contexts._reporters.values():
        reporter.writer.close()
    contexts._reporters.clear()


def spoken(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the messages in the spool, in order."""
    reader = SpoolReader(tmp_path / "spool", {}, pytest.fail)
    values = []
    while frames := reader.read():
        values += [json.loads(spooled.frame.value) for spooled in frames]
    reader.close()
    return values


def data_of(tmp_path: Path) -> list[Any]:
    return [value["data"] for value in spoken(tmp_path)]


# --- get ----------------------------------------------------------------------------------------

REQUEST = {
    "algorithm_id": "112345540",
    "data_paths": ["/data"],
    "code_list": ["A"],
    "verify_way": 2,
    "verify_paths": ["/verify"],
    "split_rate": 0.3,
    "pretrained_model_path": "/m.pth",
    "pretrained_epoch": 7,
    "image_base_dir": "/images",
    "image_names": ["a.png"],
    "resource_allocation": {"CUDA_VISIBLE_DEVICES": "1"},
}


@pytest.mark.parametrize("name", list(REQUEST))
def test_request_parameters(name: str) -> None:
    assert Context(REQUEST).get(name) == REQUEST[name]
    assert f"KEY_{name.upper()}" in dir(ContextKey)


@pytest.mark.parametrize(
    ("key", "default"),
    [
        (ContextKey.KEY_ALGORITHM_ID, ""),
        (ContextKey.KEY_DATA_PATHS, []),
        (ContextKey.KEY_CODE_LIST, []),
        (ContextKey.KEY_VERIFY_WAY, 1),
        (ContextKey.KEY_VERIFY_PATHS, []),
        (ContextKey.KEY_SPLIT_RATE, 0.1),
        (ContextKey.KEY_PRETRAINED_MODEL_PATH, ""),
        (ContextKey.KEY_PRETRAINED_EPOCH, 0),
        (ContextKey.KEY_IMAGE_BASE_DIR, ""),
        (ContextKey.KEY_IMAGE_NAMES, []),
        (ContextKey.KEY_RESOURCE_ALLOCATION, {"CUDA_VISIBLE_DEVICES": "0"}),
        (ContextKey.KEY_OUTPUT_DIR, "output/models"),
        (ContextKey.ENV_INSTANCE_ID, TRAIN),
        (ContextKey.ENV_PLATFORM_TYPE, 0),
        (ContextKey.ENV_RELY_MODEL_DATA, None),
        (ContextKey.ENV_MODEL_PATH, None),
        (ContextKey.ENV_SPECIAL_PARAMS, None),
        ("anything_else", ""),
    ],
)
@pytest.mark.parametrize("null", [False, True], ids=["absent", "null"])
def test_defaults(key: str, default: Any, null: bool) -> None:
    value = Context({key: None} if null else {}).get(key)
    assert value == default
    assert type(value) is type(default)


def test_the_folder_for_intermediate_results(tmp_path: Path) -> None:
    assert Context().get(ContextKey.KEY_TMP_DIR) == str(tmp_path / "debug")
    settings = read_settings({"PLATFORM_TYPE": "0", "DUBHE_TEMPORARY": "/temporary"})
    assert Context({}, settings).get(ContextKey.KEY_TMP_DIR) == "/temporary/debug"


def test_environment_values() -> None:
    settings = read_settings(
        {
            "PLATFORM_TYPE": "1",
            "PORT": "1",
            "BOOTSTRAP_SERVERS": "a:1",
            "TOPIC_MODEL_STATUS": "s",
            "TOPIC_MODEL_RESULT": "r",
            "INSTANCE_ID": INFERENCE,
            "model_path": "/m.pth",
            "RELY_MODEL_DATA": '{"base": {"alg_type": "x"}}',
            "special_params": '{"a": [1]}',
        }
    )
    ctx = Context({}, settings)
    assert ctx.get(ContextKey.ENV_INSTANCE_ID) == INFERENCE
    assert ctx.get(ContextKey.ENV_PLATFORM_TYPE) == 1
    assert ctx.get(ContextKey.ENV_MODEL_PATH) == "/m.pth"
    assert ctx.get(ContextKey.ENV_RELY_MODEL_DATA) == {"base": {"alg_type": "x"}}
    assert ctx.get(ContextKey.ENV_SPECIAL_PARAMS) == {"a": [1]}


def test_special_params_may_come_with_the_request() -> None:
    ctx = Context({"special_params": {"a": 1}})
    assert ctx.get(ContextKey.ENV_SPECIAL_PARAMS) == {"a": 1}


@pytest.mark.parametrize("key", ["data_paths", "split_rate", "unknown", "model_path"])
@pytest.mark.parametrize("default", [None, 5, [1]])
def test_a_default_of_ones_own(key: str, default: Any) -> None:
    assert Context().get(key, default) == default
    assert Context().get(key, default=default) == default


@pytest.mark.parametrize("value", [0, "", [], False, 0.0])
def test_a_given_value_that_is_empty_is_still_the_given_one(value: Any) -> None:
    got = Context({"split_rate": value}).get("split_rate")
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "key", ["data_paths", "code_list", "verify_paths", "image_names", "resource_allocation"]
)
def test_mutable_defaults_are_shared_with_nobody(key: str) -> None:
    first = Context().get(key)
    before = copy.deepcopy(first)
    first.update(x=1) if isinstance(first, dict) else first.append("spoilt")
    assert Context().get(key) == before
    assert Context().get(key) is not Context().get(key)


def test_environment_objects_are_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELY_MODEL_DATA", '{"a": {"b": 1}}')
    monkeypatch.setenv("special_params", '{"a": {"b": 1}}')
    settings = read_settings()
    for key in (ContextKey.ENV_RELY_MODEL_DATA, ContextKey.ENV_SPECIAL_PARAMS):
        Context({}, settings).get(key)["a"]["b"] = 2
        assert Context({}, settings).get(key) == {"a": {"b": 1}}


def test_json_request_is_the_whole_request() -> None:
    request = {**REQUEST, "something_new": {"x": 1}}
    ctx = Context(request)
    assert ctx.json_request == request
    assert ctx.get("something_new") == {"x": 1}
    assert Context().json_request == {}


def test_two_contexts_share_no_request() -> None:
    first, second = Context({"image_names": ["a"]}), Context({"image_base_dir": "/b"})
    assert second.get("image_names") == []
    assert first.get("image_base_dir") == ""


def test_a_malformed_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(EnvironmentInvalid, match="PORT is 'eighty'"):
        Context()


# --- reports ------------------------------------------------------------------------------------


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
    assert {value["mes_type"] for value in spoken(tmp_path)} == {2}


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
    assert len(spoken(tmp_path)) == 5


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
    assert len(spoken(tmp_path)) == 5


def test_results(tmp_path: Path) -> None:
    ctx = Context()
    ctx.logResult({"own": ["format", 1]})
    returned = ctx.logResultDetails("a.png", "A", "B", 0.5)
    boxes = ctx.logResultDetails("a.png", "A", "B", -1, "rect", [(1, 2, 3, 4, 0.9)], "s")
    assert data_of(tmp_path) == [{"own": ["format", 1]}, returned, boxes]
    assert {value["mes_type"] for value in spoken(tmp_path)} == {3}


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


# --- processes ----------------------------------------------------------------------------------


def _report(ctx: Context, progress: float) -> None:
    """Run in a child process."""
    ctx.logProgress(progress)


def _report_current(progress: float) -> None:
    """Run in a child process that was handed nothing."""
    _report(dubhe_sdk.current_context(), progress)


def run_each(method: str, work: Any, arguments: list[tuple[Any, ...]]) -> None:
    """Run work in child processes at once. No pool: that would need shared memory."""
    make = multiprocessing.get_context(method).Process  # type: ignore[attr-defined]
    processes = [make(target=work, args=args) for args in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_context_that_is_passed_on_works_in_child_processes(tmp_path: Path, method: str) -> None:
    ctx = Context(REQUEST)
    ctx.logProgress(0.0)
    run_each(method, _report, [(ctx, 0.25), (ctx, 0.5), (ctx, 0.75)])
    ctx.logProgress(1.0)
    values = spoken(tmp_path)
    progress = [value["data"]["progress"] for value in values]
    assert (progress[0], progress[-1]) == (0.0, 1.0)
    assert sorted(progress) == [0.0, 0.25, 0.5, 0.75, 1.0]
    numbers = [value["request_number"] for value in values]
    assert len(set(numbers)) == 5
    assert all(0 < number < 2**63 for number in numbers)
    assert {value["instance_id"] for value in values} == {TRAIN}


def test_pickling_keeps_the_request() -> None:
    ctx = Context(REQUEST)
    ctx.logProgress(0.5)
    again = pickle.loads(pickle.dumps(ctx))
    assert again.json_request == REQUEST
    assert again.get(ContextKey.ENV_INSTANCE_ID) == TRAIN


def test_current_context_where_nothing_runs() -> None:
    with pytest.raises(NoCurrentTask, match="no task is running in this process"):
        dubhe_sdk.current_context()


def test_current_context_in_the_task_and_its_threads() -> None:
    ctx = Context(REQUEST)
    set_task(ctx)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(dubhe_sdk.current_context()))
    thread.start()
    thread.join()
    assert dubhe_sdk.current_context() is ctx is seen[0]
    set_task(None)
    with pytest.raises(NoCurrentTask):
        dubhe_sdk.current_context()


def test_an_inferences_own_context_goes_before_the_tasks() -> None:
    task, own = Context({"a": 1}), Context({"a": 2})
    set_task(task)
    token = current.set(own)
    assert dubhe_sdk.current_context() is own
    current.reset(token)
    assert dubhe_sdk.current_context() is task


@pytest.fixture
def task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Announce a running task to child processes, as the model process does."""
    path = tmp_path / "task.json"
    path.write_text(json.dumps(REQUEST), "utf-8")
    monkeypatch.setenv(contexts.TASK_VARIABLE, str(path))
    return path


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_current_context_in_multiprocessing(tmp_path: Path, task_file: Path, method: str) -> None:
    set_task(Context(REQUEST))
    run_each(method, _report_current, [(0.5,)])
    assert data_of(tmp_path) == [{"progress": 0.5}]


RANK = """
import subprocess, sys
import dubhe_sdk
ctx = dubhe_sdk.current_context()
assert ctx is dubhe_sdk.current_context()
assert ctx.get(dubhe_sdk.ContextKey.KEY_DATA_PATHS) == ["/data"]
ctx.logProgressByEpoch(1, float(sys.argv[1]), {"loss": 0.5})
if len(sys.argv) > 2:
    subprocess.run([sys.executable, __file__, sys.argv[2]], check=True)
"""


def test_current_context_in_a_plain_subprocess_and_its_own(tmp_path: Path, task_file: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    subprocess.run([sys.executable, "rank.py", "0.25", "0.5"], cwd=tmp_path, check=True)
    assert [data["progress"] for data in data_of(tmp_path)] == [0.25, 0.5]
    assert {value["instance_id"] for value in spoken(tmp_path)} == {TRAIN}


def test_current_context_after_the_tasks_end(tmp_path: Path, task_file: Path) -> None:
    task_file.unlink()
    with pytest.raises(NoCurrentTask, match="the task that started this process has ended"):
        dubhe_sdk.current_context()


def test_a_killed_child_loses_nothing_it_has_said(tmp_path: Path) -> None:
    ctx = Context()
    pid = os.fork()
    if pid == 0:
        for number in range(100):
            ctx.logProgress(number / 100)
        os.kill(os.getpid(), 9)
    assert os.waitpid(pid, 0)[1] == 9
    assert [data["progress"] for data in data_of(tmp_path)] == [n / 100 for n in range(100)]


def test_with_instance_tells_children(env: dict[str, str], tmp_path: Path) -> None:
    del os.environ["INSTANCE_ID"]
    settings: Settings = with_instance(read_settings(), INFERENCE)
    assert (settings.instance_id, settings.kind) == (INFERENCE, TaskKind.INFERENCE)
    assert os.environ["INSTANCE_ID"] == INFERENCE
    assert Context().get(ContextKey.ENV_INSTANCE_ID) == INFERENCE


def test_by_hand_without_any_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTANCE_ID")
    instance_id = Context().get(ContextKey.ENV_INSTANCE_ID)
    assert read_settings({"INSTANCE_ID": instance_id}).kind is TaskKind.TRAIN
