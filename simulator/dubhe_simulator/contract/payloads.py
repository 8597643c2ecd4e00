"""The bodies of the four requests, as section 3 of the contract has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dubhe_sdk.contract.requests import RequestType
from dubhe_simulator.algorithm.dataset import Dataset

SPLIT_RATE = 0.1
VERIFY_BY_RATIO = 1
VERIFY_GIVEN_SET = 2


def heartbeat(instance_id: str) -> dict[str, Any]:
    """Are you there?"""
    return {"req_type": int(RequestType.HEARTBEAT), "instance_id": instance_id}


def train(
    instance_id: str, dataset: Dataset, special_params: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Train on the training images; validate on the given ones, or on a share held out."""
    given = dataset.validation
    return {
        **_common(RequestType.TRAIN, instance_id, special_params),
        "data_paths": [str(dataset.train)],
        "code_list": list(dataset.classes),
        "verify_way": VERIFY_GIVEN_SET if given else VERIFY_BY_RATIO,
        "verify_paths": [str(given)] if given else [],
        "split_rate": SPLIT_RATE,
        "pretrained_model_path": "",
        "pretrained_epoch": 0,
    }


def evaluate(
    instance_id: str, dataset: Dataset, special_params: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Evaluate on the test images."""
    return {
        **_common(RequestType.PREDICT, instance_id, special_params),
        "data_paths": [str(dataset.test)],
    }


def infer(
    instance_id: str,
    dataset: Dataset,
    names: Sequence[str],
    request_number: int,
    special_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Recognise the named test images."""
    return {
        **_common(RequestType.INFERENCE, instance_id, special_params),
        "image_base_dir": str(dataset.test),
        "image_names": list(names),
        "request_number": request_number,
    }


def _common(
    type_: RequestType, instance_id: str, special_params: Mapping[str, Any] | None
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "req_type": int(type_),
        "instance_id": instance_id,
        "algorithm_id": "1",
        "resource_type": 0,
        "resource_allocation": {"CUDA_VISIBLE_DEVICES": "0"},
    }
    if special_params:
        body["special_params"] = dict(special_params)
    return body
