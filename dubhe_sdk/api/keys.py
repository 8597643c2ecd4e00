"""`ContextKey`: the names under which `Context.get` finds things."""

from __future__ import annotations

from typing import NoReturn


class _Constants(type):
    """A class whose attributes cannot be reassigned or deleted."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise AttributeError(f"ContextKey.{name} is a constant and cannot be assigned")

    def __delattr__(cls, name: str) -> NoReturn:
        raise AttributeError(f"ContextKey.{name} is a constant and cannot be deleted")


class ContextKey(metaclass=_Constants):
    """Names of request parameters (``KEY_…``) and environment values (``ENV_…``).

    Example:
        >>> ContextKey.KEY_DATA_PATHS
        'data_paths'
    """

    __slots__ = ()

    KEY_ALGORITHM_ID = "algorithm_id"
    KEY_DATA_PATHS = "data_paths"
    KEY_CODE_LIST = "code_list"
    KEY_VERIFY_WAY = "verify_way"
    KEY_VERIFY_PATHS = "verify_paths"
    KEY_SPLIT_RATE = "split_rate"
    KEY_PRETRAINED_MODEL_PATH = "pretrained_model_path"
    KEY_PRETRAINED_EPOCH = "pretrained_epoch"
    KEY_IMAGE_BASE_DIR = "image_base_dir"
    KEY_IMAGE_NAMES = "image_names"
    KEY_RESOURCE_ALLOCATION = "resource_allocation"
    KEY_TMP_DIR = "tmp_dir"
    KEY_OUTPUT_DIR = "output_dir"

    ENV_INSTANCE_ID = "INSTANCE_ID"
    ENV_PLATFORM_TYPE = "PLATFORM_TYPE"
    ENV_RELY_MODEL_DATA = "RELY_MODEL_DATA"
    ENV_MODEL_PATH = "model_path"
    ENV_SPECIAL_PARAMS = "special_params"
