"""The profiles run and name every part."""

from __future__ import annotations

import re

import pytest

from benchmarks.profiles import call, drain
from dubhe_sdk.spool import stream_state

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("caches", [[], ["--cold"]], ids=["warm", "cold"])
def test_call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, caches: list[str]
) -> None:
    for name in ("DUBHE_TEMPORARY", "INSTANCE_ID", "DUBHE_SPOOL_MAX_BYTES"):
        monkeypatch.setenv(name, "")  # put back afterwards
    assert call.main(["--pairs", "1", "--calls", "20", *caches]) == 0
    lines = capsys.readouterr().out.splitlines()
    layers = 6 if stream_state.StreamState is stream_state.PythonStreamState else 7
    found = [bool(re.search(r" \d+ ns +\d+\.\d\d$", line)) for line in lines]
    assert found == [False] + [True] * layers


def test_drain(capsys: pytest.CaptureFixture[str]) -> None:
    assert drain.main(["--messages", "2000"]) == 0
    shares = re.findall(r"^(\S.*?) +(\d+\.\d)%$", capsys.readouterr().out, re.MULTILINE)
    assert {text for text, _ in shares} == set(drain.PARTS.values())
    assert sum(float(share) for _, share in shares) == pytest.approx(100, abs=1)
