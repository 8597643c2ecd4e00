"""The variables of an instance that matter for what it computes, without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dubhe_simulator.contract.secrets import MASK, without_secrets

_PARAMETERS = "special_params"
LONGEST = 2000  # characters of a value

# Variables that decide how Python, its numeric libraries, the accelerators and the SDK behave.
_PREFIXES = (
    "ACL_", "ASCEND", "CUBLAS_", "CUDA_", "CUDNN_", "DUBHE_", "FLAGS_", "GOMP_", "HCCL_", "HF_",
    "JAX_", "KMP_", "LC_", "MKL_", "MS_", "NCCL_", "NPU_", "NVIDIA_", "OMP_", "OPENBLAS_",
    "OPENCV_", "PADDLE_", "PYTHON", "PYTORCH_", "TF_", "TOKENIZERS_", "TORCH", "TRANSFORMERS_",
    "XLA_",
)  # fmt: skip
_NAMES = frozenset({
    "BOOTSTRAP_SERVERS", "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "LANG",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "PATH",
    "PLATFORM_TYPE", "RANK", "RELY_MODEL_DATA", "TOPIC_MODEL_RESULT", "TOPIC_MODEL_STATUS",
    "TZ", "VIRTUAL_ENV", "WORLD_SIZE", "model_path", "protocol", "special_params",
})  # fmt: skip
# What shells and the SDK set for themselves, and what is another for each instance.
_NOISE = frozenset({
    "_", "OLDPWD", "PWD", "SHLVL", "DUBHE_LAUNCHED", "DUBHE_LIFELINE", "DUBHE_PROCESS",
    "DUBHE_SERVICE", "DUBHE_SPOOL_DIR", "DUBHE_TEMPORARY", "DUBHE_WORKER_INDEX", "INSTANCE_ID",
    "PORT",
})  # fmt: skip

# TOKENIZERS_PARALLELISM and the like are no tokens.
_SECRET = re.compile(r"TOKEN(?!IZ)|SECRET|PASSW|PASSPHRASE|KEY|CREDENTIAL|PRIVATE|COOKIE|AUTH")
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def relevant(actual: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that matter, by name.

    Those are the ones that libraries and the SDK read, and whatever the instance's start script
    has set or changed itself. Other variables of the caller are private.

    Args:
        actual: the environment of the algorithm's process.
        given: the environment with which the instance was started.
    """
    return {
        name: masked(name, value)
        for name, value in sorted(actual.items())
        if name not in _NOISE
        and (name in _NAMES or name.startswith(_PREFIXES) or given.get(name) != value)
    }


def masked(name: str, value: str) -> str:
    """Return a variable's value, or `MASK` if its name is that of a secret."""
    if _SECRET.search(name.upper()):
        return MASK
    if name == _PARAMETERS:
        value = _without_secrets(value)
    return _USER_IN_URL.sub(MASK, value)[:LONGEST]


def _without_secrets(params: str) -> str:
    """Return business parameters, a JSON object, as the request that has them is shown."""
    try:
        shown = without_secrets({_PARAMETERS: json.loads(params)})
    except (ValueError, RecursionError):
        return MASK  # nobody knows what is in it
    return json.dumps(shown[_PARAMETERS], ensure_ascii=False)
