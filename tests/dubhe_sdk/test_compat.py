"""Names of dubhe-sdk 2.x: those that work, and what the others say instead."""

from __future__ import annotations

import importlib
import json
import logging
from pathlib import Path

import pytest

import dubhe_sdk
from dubhe_sdk import Context, ContextKey, compat
from dubhe_sdk.environment import read_settings


@pytest.fixture(autouse=True)
def manual_mode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("INSTANCE_ID", "PLATFORM_TYPE", "BOOTSTRAP_SERVERS", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DUBHE_TEMPORARY", str(tmp_path))


def log_text(tmp_path: Path) -> str:
    return (tmp_path / "log" / "dubhe.log").read_text("utf-8")


def test_config_has_what_the_service_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    from dubhe_sdk.config import BOOTSTRAP_SERVERS, INSTANCE_ID, KEY_DATA_PATHS, PORT

    assert (PORT, INSTANCE_ID, BOOTSTRAP_SERVERS) == (8030, None, None)
    assert KEY_DATA_PATHS == ContextKey.KEY_DATA_PATHS
    monkeypatch.setenv("INSTANCE_ID", " a-b-train-1 ")
    monkeypatch.setenv("special_params", '{"epochs": 2}')
    assert dubhe_sdk.config.INSTANCE_ID == "a-b-train-1"
    assert dubhe_sdk.config.special_params == {"epochs": 2}
    assert dubhe_sdk.config.PLATFORM_TYPE == 0


def test_all_that_the_working_modules_list_is_there() -> None:
    for module in map(importlib.import_module, compat.WORKING):
        names = dir(module)
        assert names
        for name in names:
            assert getattr(module, name) is not NotImplemented
        assert compat.works(f"{module.__name__}.{names[0]}")


def test_the_context_s_module() -> None:
    from dubhe_sdk.service import context

    assert context.Context is dubhe_sdk.Context
    assert context.KEY_TMP_DIR == ContextKey.KEY_TMP_DIR
    everything: dict[str, object] = {}
    exec("from dubhe_sdk.service.context import *", everything)
    assert everything["ContextKey"] is ContextKey
    assert everything["current_context"] is dubhe_sdk.current_context


def test_whatever_an_algorithm_takes_the_logger_for(tmp_path: Path) -> None:
    from dubhe_sdk.service import Logger
    from dubhe_sdk.service.Logger import Logger as Class
    from dubhe_sdk.service.Logger import info, logger

    Logger.info("line %d", 1)
    Logger("name", level=10).warning("line %d", 2)  # type: ignore[operator]
    Class("name").error("line %d", 3)
    logger.info("line 4")
    info("line 5")
    Context({}, read_settings()).local_logger.info("line 6")
    dubhe_sdk.service.Logger.exception("line 7")
    text = log_text(tmp_path)
    found = [line.split(" ") for line in text.splitlines() if " line " in line]
    levels = ["INFO", "WARNING", "ERROR", "INFO", "INFO", "INFO", "ERROR"]
    assert [(words[2], words[-1]) for words in found] == [
        (level, f"{number}") for number, level in enumerate(levels, 1)
    ]


def test_what_is_done_to_the_local_logger_leaves_the_sdk_s_log_alone(tmp_path: Path) -> None:
    context = Context({}, read_settings())
    context.local_logger.debug("not shown")
    context.local_logger.setLevel(logging.DEBUG)
    context.local_logger.debug("shown")
    context.local_logger.setLevel(logging.CRITICAL)
    context.local_logger.info("%d", "no number")  # as with every logger: told on stderr
    context.log("the SDK's own")
    assert context.local_logger is Context({}, read_settings()).local_logger
    lines = log_text(tmp_path).splitlines()
    assert [line.split(" ", 4)[4] for line in lines] == ["shown", "the SDK's own"]
    context.local_logger.setLevel(logging.INFO)


def test_the_keys_of_a_request() -> None:
    context = Context({"split_rate": "0.5", "my_field": 1}, read_settings())
    found = context.key_map
    assert found["split_rate"] == 0.5 and found["data_paths"] == []
    assert found["INSTANCE_ID"] == context.get(ContextKey.ENV_INSTANCE_ID)
    assert set(found) == {v for k, v in vars(ContextKey).items() if k[:4] in ("KEY_", "ENV_")}
    json.dumps(found)
    found["split_rate"] = 0.9
    assert context.key_map["split_rate"] == 0.5


@pytest.mark.parametrize("name", compat.REFUSED)
@pytest.mark.parametrize("below", ["", ".Part"])
def test_an_import_that_is_refused_says_what_to_use(name: str, below: str) -> None:
    with pytest.raises(ImportError) as caught:
        importlib.import_module(name + below)
    assert (
        str(caught.value)
        == f"{name} of dubhe-sdk 2.x does not exist here; " + (compat.REFUSED[name])
    )
    package, _, last = name.rpartition(".")
    with pytest.raises(ImportError, match=compat.REFUSED[name][:12]):
        exec(f"from {package} import {last}")
    with pytest.raises(AttributeError, match=r"of dubhe-sdk 2\.x does not exist here; "):
        getattr(importlib.import_module(package), last)
    assert not compat.works(name)


@pytest.mark.parametrize("module", compat.WORKING)
def test_a_name_that_a_working_module_does_not_have(module: str) -> None:
    found = importlib.import_module(module)
    with pytest.raises(AttributeError) as caught:
        _ = found.Unknown
    assert str(caught.value) == compat.refusal(f"{module}.Unknown")
    assert compat.WORKING[module] in str(caught.value)
    assert not hasattr(found, "__wrapped__")  # what libraries ask of all modules
    assert not compat.works(f"{module}.Unknown")


def test_other_names_are_missing_as_everywhere() -> None:
    with pytest.raises(AttributeError, match=r"^module 'dubhe_sdk' has no attribute 'nothing'$"):
        _ = dubhe_sdk.nothing  # type: ignore[attr-defined]
    assert compat.refusal("dubhe_sdk.nothing") == ""
