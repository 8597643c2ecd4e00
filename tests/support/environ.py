"""An environment in which nothing of the caller's own can change what a test sees."""

from __future__ import annotations

import os

_CONTRACT = (
    "PLATFORM_TYPE",
    "PORT",
    "protocol",
    "BOOTSTRAP_SERVERS",
    "TOPIC_MODEL_STATUS",
    "TOPIC_MODEL_RESULT",
    "INSTANCE_ID",
    "model_path",
    "RELY_MODEL_DATA",
    "special_params",
    "CUDA_VISIBLE_DEVICES",
)


def clean_environ(**more: str) -> dict[str, str]:
    """Return this process's environment without the contract's variables, and with `more`."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in _CONTRACT and not name.startswith(("DUBHE_", "COV_", "PYTHON"))
    }
    env.update(more)
    return env
