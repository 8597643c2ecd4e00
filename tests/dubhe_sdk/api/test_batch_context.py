from __future__ import annotations

import pytest

from dubhe_sdk.api.batch_context import BatchContext
from dubhe_sdk.api.current_task import current, current_context
from dubhe_sdk.api.kept_context import KeptContext
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.environment import read_settings
from dubhe_sdk.errors import NoCurrentTask

SETTINGS = read_settings({"model_path": "a.pt", "INSTANCE_ID": "m-a-inference-1"})


def test_the_environment_is_the_same_for_all_and_a_request_is_nobodys() -> None:
    context = BatchContext({}, SETTINGS)
    assert context.get(ContextKey.ENV_MODEL_PATH) == "a.pt"
    assert context.get(ContextKey.KEY_OUTPUT_DIR) == "output/models"
    assert context.get(ContextKey.ENV_SPECIAL_PARAMS) is None
    assert context.get(ContextKey.ENV_SPECIAL_PARAMS, "default") == "default"
    for key in (ContextKey.KEY_IMAGE_NAMES, "what"):
        with pytest.raises(NoCurrentTask, match="a batch of inferences has no single request"):
            context.get(key, "default")
    with pytest.raises(NoCurrentTask, match="use the contexts that the method was given"):
        context.json_request  # noqa: B018


def test_a_kept_context_answers_as_it_does() -> None:
    kept = KeptContext(SETTINGS)
    context = BatchContext({}, SETTINGS)
    token = current.set(context)
    try:
        assert current_context() is context
        assert kept.get(ContextKey.ENV_MODEL_PATH) == "a.pt"
        with pytest.raises(NoCurrentTask, match="no single request"):
            kept.get(ContextKey.KEY_IMAGE_NAMES)
    finally:
        current.reset(token)
