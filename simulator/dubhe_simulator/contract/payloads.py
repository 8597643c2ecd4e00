"""The bodies of the four requests, as section 3 of the contract has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.requests import RequestType
from dubhe_simulator.contract.json_safe import to_bytes

SPLIT_RATE = 0.1
VERIFY_BY_RATIO = 1
VERIFY_GIVEN_SET = 2


def heartbeat(instance_id: str) -> dict[str, Any]:
    """Ask whether an instance lives."""
    return {"req_type": int(RequestType.HEARTBEAT), "instance_id": instance_id}


def train(
    instance_id: str,
    data_paths: Sequence[str] = (),
    code_list: Sequence[str] = (),
    verify_paths: Sequence[str] = (),
    special_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask for a training; without ``verify_paths`` the algorithm holds a share of the data out."""
    return {
        **_common(RequestType.TRAIN, instance_id, special_params),
        "data_paths": list(data_paths),
        "code_list": list(code_list),
        "verify_way": VERIFY_GIVEN_SET if verify_paths else VERIFY_BY_RATIO,
        "verify_paths": list(verify_paths),
        "split_rate": SPLIT_RATE,
        "pretrained_model_path": "",
        "pretrained_epoch": 0,
    }


def evaluate(
    instance_id: str,
    data_paths: Sequence[str] = (),
    special_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask for an offline evaluation."""
    return {
        **_common(RequestType.PREDICT, instance_id, special_params),
        "data_paths": list(data_paths),
    }


def infer(
    instance_id: str,
    image_base_dir: str = "",
    image_names: Sequence[str] = (),
    request_number: int = 1,
    special_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask for an online inference."""
    return {
        **_common(RequestType.INFERENCE, instance_id, special_params),
        "image_base_dir": image_base_dir,
        "image_names": list(image_names),
        "request_number": request_number,
    }


def write_request(path: Path, body: Mapping[str, Any]) -> None:
    """Write a request to a file, for people to read and change."""
    path.write_bytes(to_bytes(body, indent=2) + b"\n")


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
