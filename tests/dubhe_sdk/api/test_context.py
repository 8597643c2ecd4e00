"""`Context.get` and the whole request."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import read_settings
from dubhe_sdk.errors import EnvironmentInvalid
from tests.dubhe_sdk.api.support import INFERENCE, REQUEST, TRAIN

pytestmark = pytest.mark.usefixtures("env", "no_task_of_another_test")


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


def test_a_malformed_environment_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(EnvironmentInvalid, match="PORT is 'eighty'"):
        Context()


def test_by_hand_without_any_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTANCE_ID")
    instance_id = Context().get(ContextKey.ENV_INSTANCE_ID)
    assert read_settings({"INSTANCE_ID": instance_id}).kind is TaskKind.TRAIN


@pytest.mark.parametrize("key", [ContextKey.KEY_SPLIT_RATE, ContextKey.ENV_MODEL_PATH, "own"])
def test_an_empty_text_is_a_default_like_any_other(key: str) -> None:
    assert Context().get(key, "") == ""
