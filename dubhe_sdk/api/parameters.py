"""`Parameters`: what the request and the environment tell an algorithm."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dubhe_sdk.api.keys import CONTRACT_DEFAULT, ContextKey
from dubhe_sdk.contract import requests
from dubhe_sdk.contract.kind import kind_of
from dubhe_sdk.environment import Settings

# The keys that do not depend on the request.
FROM_SETTINGS = frozenset(
    {
        ContextKey.KEY_TMP_DIR,
        ContextKey.KEY_OUTPUT_DIR,
        ContextKey.ENV_INSTANCE_ID,
        ContextKey.ENV_PLATFORM_TYPE,
        ContextKey.ENV_RELY_MODEL_DATA,
        ContextKey.ENV_MODEL_PATH,
        ContextKey.ENV_SPECIAL_PARAMS,
    }
)


class Parameters:
    """The values of one request; see `Context.get`.

    Args:
        request: the platform's.
        settings: the environment.
    """

    def __init__(self, request: Mapping[str, Any], settings: Settings) -> None:
        self._request = dict(request)
        self._settings = settings
        self.instance_id = settings.instance_id or "manual-app-train-1"

    @property
    def request(self) -> dict[str, Any]:
        """The whole request."""
        return self._request

    def get(self, key: str, default: Any) -> Any:
        """Return a value, or the default; the contract's if that is `CONTRACT_DEFAULT`."""
        if key in FROM_SETTINGS:
            value = self._from_settings(key)
            if value is None and key in (
                ContextKey.ENV_SPECIAL_PARAMS,
                ContextKey.ENV_MODEL_PATH,
            ):
                value = self._request.get(key)  # not `request`: in a batch there is none to ask
            if value is None:
                return None if default is CONTRACT_DEFAULT else default
            return value
        value = self.request.get(key)
        if value is not None:
            return requests.value_of(key, value)
        if default is not CONTRACT_DEFAULT:
            return default
        return requests.default_of(key) if key in requests.FIELDS else ""

    def _from_settings(self, key: str) -> Any:
        settings = self._settings
        if key == ContextKey.KEY_TMP_DIR:
            return str(settings.tmp_dir)
        if key == ContextKey.KEY_OUTPUT_DIR:
            return str(Path("output", "models"))
        if key == ContextKey.ENV_INSTANCE_ID:
            return self.instance_id
        if key == ContextKey.ENV_PLATFORM_TYPE:
            return int(settings.platform_mode)
        if key == ContextKey.ENV_MODEL_PATH:
            return settings.model_path
        if key == ContextKey.ENV_RELY_MODEL_DATA:
            return copy.deepcopy(settings.rely_model_data)
        return copy.deepcopy(settings.special_params)


def with_instance(settings: Settings, instance_id: str) -> Settings:
    """Return the settings with the instance's id, and hand it to child processes as well."""
    os.environ["INSTANCE_ID"] = instance_id
    return replace(settings, instance_id=instance_id, kind=kind_of(instance_id))
