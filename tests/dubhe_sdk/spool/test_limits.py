"""How much the spool may hold."""

from __future__ import annotations

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.spool.limits import SpoolLimits, read_spool_limits

MIB = 1024 * 1024


def test_defaults():
    assert read_spool_limits({}) == SpoolLimits()
    assert SpoolLimits() == SpoolLimits(1024 * MIB, 64 * MIB, 8 * MIB, 10.0)


@pytest.mark.parametrize(
    ("max_bytes", "reserve", "segment"),
    [
        (64 * 1024, 64 * 1024, 8 * 1024),
        (16 * MIB, MIB, 2 * MIB),
        (2048 * MIB, 128 * MIB, 8 * MIB),
    ],
)
def test_reserve_and_segments_follow_the_bound(max_bytes, reserve, segment):
    limits = read_spool_limits({"DUBHE_SPOOL_MAX_BYTES": f" {max_bytes} "})
    assert limits == SpoolLimits(max_bytes, reserve, segment, 10.0)


def test_wait():
    assert (
        read_spool_limits({"DUBHE_SPOOL_FULL_TIMEOUT_SECONDS": "0.5"}).full_timeout_seconds == 0.5
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUBHE_SPOOL_MAX_BYTES", "1 GB"),
        ("DUBHE_SPOOL_MAX_BYTES", "1000"),
        ("DUBHE_SPOOL_MAX_BYTES", "-1"),
        ("DUBHE_SPOOL_FULL_TIMEOUT_SECONDS", "soon"),
        ("DUBHE_SPOOL_FULL_TIMEOUT_SECONDS", "-1"),
        ("DUBHE_SPOOL_FULL_TIMEOUT_SECONDS", "nan"),
    ],
)
def test_refusal_names_variable_and_value(name, value):
    with pytest.raises(EnvironmentInvalid) as caught:
        read_spool_limits({name: value})
    assert name in str(caught.value)
    assert value in str(caught.value)
