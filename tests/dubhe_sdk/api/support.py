"""An environment for contexts, and what they have reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.spool.merge import SpoolReader

TRAIN = "modelid1412-algorithm112345540-train-1412-4"
INFERENCE = "modelid1412-algorithm112345540-inference-1412-4"


def messages_of(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the messages in the spool, in order."""
    reader = SpoolReader(tmp_path / "spool", {}, pytest.fail)
    values = []
    while frames := reader.read():
        values += [json.loads(spooled.frame.value) for spooled in frames]
    reader.close()
    return values


def data_of(tmp_path: Path) -> list[Any]:
    return [value["data"] for value in messages_of(tmp_path)]


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
