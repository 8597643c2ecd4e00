"""What the page on migrating from 2.x says of this project is so.

A habit of 2.x that works here one day makes a test fail: its line then leaves the page.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from dubhe_sdk import Context, ContextKey, compat
from dubhe_sdk.contract import requests
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.environment import read_settings
from tests.docs.markdown import LANGUAGES
from tests.docs.reference import page

_MODULE = re.compile(r"`(?:from )?(dubhe_sdk(?:\.\w+)+)(?: import …)?`")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context({}, read_settings({"DUBHE_TEMPORARY": str(tmp_path)}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_2x_that_work(context: Context, language: str) -> None:
    lines = page(language, "migration").splitlines()
    named = {
        name
        for line in lines
        if line.startswith("|")
        for name in _MODULE.findall(line.split("|")[1])
    }
    assert {*compat.WORKING, *compat.REFUSED} - {"dubhe_sdk.service"} <= named
    for name in compat.WORKING:
        importlib.import_module(name)
    assert any("`ctx.key_map`" in line for line in lines)
    assert context.key_map["split_rate"] == 0.1
    assert any("`ctx.local_logger`" in line for line in lines)
    assert context.local_logger.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_2x_that_are_refused(language: str) -> None:
    text = page(language, "migration")
    for name in compat.REFUSED:
        with pytest.raises(ImportError) as caught:
            importlib.import_module(name)
        assert f"| `{name}` | `{caught.value}` |" in text


def test_values_that_2_x_took(tmp_path: Path) -> None:
    env = {
        "INSTANCE_ID": "a-b-train",
        "BOOTSTRAP_SERVERS": " broker ",
        "DUBHE_TEMPORARY": str(tmp_path),
    }
    settings = read_settings(env)
    assert settings.kind is TaskKind.TRAIN
    assert settings.bootstrap_servers == "broker:9092"


@pytest.mark.parametrize(
    ("request_", "type_"),
    [
        ({}, RequestType.TRAIN),
        ({}, RequestType.INFERENCE),
        ({"split_rate": "0.1"}, RequestType.TRAIN),
        ({"verify_way": 0}, RequestType.INFERENCE),
    ],
)
def test_requests_that_are_accepted(request_: dict[str, object], type_: RequestType) -> None:
    requests.check_fields(request_, type_)


def test_what_ctx_does_otherwise(context: Context) -> None:
    context.log("text", exc_info=True, stack_info=True)
    assert context.logResultDetails("a.png", "ok", "ng", 0.5, position=[]) == [
        {"img_path": "a.png", "info": [{"ground_true": "ok", "predict_code": "ng", "conf": 0.5}]}
    ]
    assert context.get(ContextKey.KEY_DATA_PATHS) == []
