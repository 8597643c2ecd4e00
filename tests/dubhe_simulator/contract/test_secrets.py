"""What looks like a secret is not shown."""

from __future__ import annotations

import pytest

from dubhe_simulator.contract.secrets import MASK, is_secret, without_secrets


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("db_passwd", True),
        ("apiKey", True),
        ("OSS_ACCESS_KEY_ID", True),
        ("hf-token", True),
        ("keypoints", False),
        ("monkey", False),
        ("tokenizer", False),
        ("max_tokens", False),
        ("lr", False),
    ],
)
def test_a_name_is_judged_by_its_words(name: str, secret: bool) -> None:
    assert is_secret(name) == secret


def test_only_secrets_of_special_params_are_masked() -> None:
    body = {
        "token": "of the contract",
        "special_params": {"lr": 0.1, "store": [{"secret": "s", "name": "n"}], "key": ""},
    }
    assert without_secrets(body) == {
        "token": "of the contract",
        "special_params": {"lr": 0.1, "store": [{"secret": MASK, "name": "n"}], "key": ""},
    }
    assert body["special_params"]["store"][0]["secret"] == "s"  # type: ignore[index]
