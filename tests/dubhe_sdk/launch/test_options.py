from __future__ import annotations

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.options import LaunchOptions, read_options


def test_defaults_and_values() -> None:
    assert read_options({}) == LaunchOptions(grace_seconds=9.0, drain_seconds=30.0)
    given = {"DUBHE_GRACE_SECONDS": "3", "DUBHE_DRAIN_SECONDS": " 0.5 "}
    assert read_options(given) == LaunchOptions(grace_seconds=3.0, drain_seconds=0.5)


@pytest.mark.parametrize("name", ["DUBHE_GRACE_SECONDS", "DUBHE_DRAIN_SECONDS"])
def test_malformed_ones_are_named(name: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=f"{name} is 'soon', expected seconds"):
        read_options({name: "soon"})
