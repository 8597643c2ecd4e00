from __future__ import annotations

import pytest

import dubhe_sdk
from dubhe_sdk.api.keys import ContextKey

CONTRACT = {
    "KEY_ALGORITHM_ID": "algorithm_id",
    "KEY_DATA_PATHS": "data_paths",
    "KEY_CODE_LIST": "code_list",
    "KEY_VERIFY_WAY": "verify_way",
    "KEY_VERIFY_PATHS": "verify_paths",
    "KEY_SPLIT_RATE": "split_rate",
    "KEY_PRETRAINED_MODEL_PATH": "pretrained_model_path",
    "KEY_PRETRAINED_EPOCH": "pretrained_epoch",
    "KEY_IMAGE_BASE_DIR": "image_base_dir",
    "KEY_IMAGE_NAMES": "image_names",
    "KEY_RESOURCE_ALLOCATION": "resource_allocation",
    "KEY_TMP_DIR": "tmp_dir",
    "KEY_OUTPUT_DIR": "output_dir",
    "ENV_INSTANCE_ID": "INSTANCE_ID",
    "ENV_PLATFORM_TYPE": "PLATFORM_TYPE",
    "ENV_RELY_MODEL_DATA": "RELY_MODEL_DATA",
    "ENV_MODEL_PATH": "model_path",
    "ENV_SPECIAL_PARAMS": "special_params",
}


def test_the_constants_are_those_of_the_contract() -> None:
    found = {name: getattr(ContextKey, name) for name in dir(ContextKey) if name.isupper()}
    assert found == CONTRACT
    assert dubhe_sdk.ContextKey is ContextKey


@pytest.mark.parametrize("name", [*CONTRACT, "KEY_NEW"])
def test_they_can_be_neither_assigned_nor_deleted(name: str) -> None:
    with pytest.raises(AttributeError, match=f"ContextKey.{name} is a constant"):
        setattr(ContextKey, name, "other")
    with pytest.raises(AttributeError, match=f"ContextKey.{name} is a constant"):
        delattr(ContextKey, name)
    assert getattr(ContextKey, name, None) == CONTRACT.get(name)


def test_an_instance_takes_no_attributes_either() -> None:
    with pytest.raises(AttributeError):
        ContextKey().KEY_DATA_PATHS = "other"  # type: ignore[misc]
