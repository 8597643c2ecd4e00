"""Which variables are kept, and that no secret is among them."""

from __future__ import annotations

import pytest

from dubhe_simulator.contract.secrets import MASK
from dubhe_simulator.instances.provenance.environment import masked, relevant


def test_what_matters_is_kept_and_what_is_private_is_not() -> None:
    given = {"HOME": "/home/li", "SSH_AUTH_SOCK": "/tmp/x", "CUDA_VISIBLE_DEVICES": "0"}
    actual = {
        **given,
        "CUDA_VISIBLE_DEVICES": "1",
        "OMP_NUM_THREADS": "4",
        "BATCH": "32",  # exported by run.sh
        "PWD": "/algorithm",
        "SHLVL": "1",
        "WANDB_API_KEY": "123",
    }
    assert relevant(actual, given) == {
        "BATCH": "32",
        "CUDA_VISIBLE_DEVICES": "1",
        "OMP_NUM_THREADS": "4",
        "WANDB_API_KEY": MASK,
    }


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "MY_SECRET", "db_password", "PASSWD", "AWS_ACCESS_KEY_ID", "apikey", "CREDENTIALS",
     "SSH_PRIVATE", "COOKIE", "BASIC_AUTH"],
)  # fmt: skip
def test_secrets_are_masked(name: str) -> None:
    assert masked(name, "hunter2") == MASK


def test_what_only_looks_like_a_secret_is_not_masked_and_users_in_addresses_are() -> None:
    assert masked("TOKENIZERS_PARALLELISM", "false") == "false"
    assert masked("PIP_INDEX", "https://li:pw@mirror/simple") == f"https://{MASK}@mirror/simple"


def test_secrets_within_business_parameters_are_masked() -> None:
    params = '{"lr": 0.1, "store": {"token": "hunter2"}}'
    assert masked("special_params", params) == f'{{"lr": 0.1, "store": {{"token": "{MASK}"}}}}'
    assert masked("special_params", "token: hunter2") == MASK
