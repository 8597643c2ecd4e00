"""`ContextKey`: the names under which `Context.get` finds things."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

# Stands for a default that was not given: the contract's then.
CONTRACT_DEFAULT: Any = object()


class _Constants(type):
    """A class whose attributes cannot be reassigned or deleted."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise AttributeError(f"ContextKey.{name} is a constant and cannot be assigned")

    def __delattr__(cls, name: str) -> NoReturn:
        raise AttributeError(f"ContextKey.{name} is a constant and cannot be deleted")


class ContextKey(metaclass=_Constants):
    """Names of request parameters (``KEY_…``) and environment values (``ENV_…``).

    Names, types and defaults are the platform's contract. The constants cannot be reassigned.

    Raises:
        AttributeError: a constant is assigned or deleted.

    Examples:
        >>> ContextKey.KEY_DATA_PATHS
        'data_paths'
    """

    __slots__ = ()

    KEY_ALGORITHM_ID = "algorithm_id"
    """Request: the algorithm's id; a string or a whole number. Default ``""``."""
    KEY_DATA_PATHS = "data_paths"
    """Request, training and evaluation: a list of folders or files. Default ``[]``."""
    KEY_CODE_LIST = "code_list"
    """Request, training: a list of class codes. Default ``[]``."""
    KEY_VERIFY_WAY = "verify_way"
    """Request, training: 1: validate on a share of the data, see `KEY_SPLIT_RATE`; 2: on the given
    set, see `KEY_VERIFY_PATHS`. Default 1."""
    KEY_VERIFY_PATHS = "verify_paths"
    """Request, training: a list of folders or files of the validation set. Default ``[]``."""
    KEY_SPLIT_RATE = "split_rate"
    """Request, training: share of the data held out for validation, 0 to 1. Default 0.1."""
    KEY_PRETRAINED_MODEL_PATH = "pretrained_model_path"
    """Request, training: the model file to go on from. Default ``""``: none."""
    KEY_PRETRAINED_EPOCH = "pretrained_epoch"
    """Request, training: the epoch to resume at, 0 or more. Default 0."""
    KEY_IMAGE_BASE_DIR = "image_base_dir"
    """Request, inference: the folder of the images. Default ``""``."""
    KEY_IMAGE_NAMES = "image_names"
    """Request, inference: a list of file names below `KEY_IMAGE_BASE_DIR`. Default ``[]``."""
    KEY_RESOURCE_ALLOCATION = "resource_allocation"
    """Request: the resources to use, a dict. Default ``{"CUDA_VISIBLE_DEVICES": "0"}``."""
    KEY_TMP_DIR = "tmp_dir"
    """From the SDK: the folder for intermediate results, ``/temporary/debug`` in a container."""
    KEY_OUTPUT_DIR = "output_dir"
    """From the SDK: the folder for trained models, ``output/models`` (relative)."""

    ENV_INSTANCE_ID = "INSTANCE_ID"
    """Environment: the instance's id, a string."""
    ENV_PLATFORM_TYPE = "PLATFORM_TYPE"
    """Environment: 1 if the platform started this container, otherwise 0."""
    ENV_RELY_MODEL_DATA = "RELY_MODEL_DATA"
    """Environment: a dict of model name → ``{"alg_type", "alg_version", "model_path",
    "model_version"}``; None if unset."""
    ENV_MODEL_PATH = "model_path"
    """Environment, evaluation and inference: the model file; None if unset."""
    ENV_SPECIAL_PARAMS = "special_params"
    """Environment, or the request's field of this name: a dict of business parameters; None if
    neither is set."""
