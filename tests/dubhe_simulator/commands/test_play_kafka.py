"""``dubhe play`` through Kafka, and without a broker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dubhe_simulator.commands.play import main
from tests.dubhe_simulator.fake import fake_algorithm
from tests.kafka.broker import Broker
from tests.page.platform import make_algorithm


def test_through_kafka(
    tmp_path: Path,
    kafka: Broker,
    topic_name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, suffix in (("TOPIC_MODEL_STATUS", "s"), ("TOPIC_MODEL_RESULT", "r")):
        monkeypatch.setenv(variable, f"{topic_name}-{suffix}")
        kafka.create_topic(f"{topic_name}-{suffix}")
    algorithm = make_algorithm(tmp_path / "plates")
    options = ["--brokers", kafka.bootstrap, "--special-params", '{"epochs": 2}']
    status = main([str(algorithm), "--runs-dir", str(tmp_path / "runs"), *options])
    out = capsys.readouterr().out
    assert status == 0, out
    assert f"Kafka    {kafka.bootstrap}: {topic_name}-s, {topic_name}-r" in out
    rows = re.findall(r"^  (training|evaluation|inference) .* (\d+) +(\d+) +0 +0$", out, re.M)
    assert [row[0] for row in rows] == ["training", "evaluation", "inference"]
    assert all(reported == received for _, reported, received in rows)


def test_no_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dubhe_simulator.commands.play.SOURCE_TIMEOUT_S", 1.0)
    folder = fake_algorithm(tmp_path / "net")
    runs = str(tmp_path / "runs")
    assert main([str(folder), "--runs-dir", runs, "--brokers", "127.0.0.1:1"]) == 1
    out = capsys.readouterr().out
    assert "Failed: Kafka at 127.0.0.1:1 cannot be used" in out
    assert "Connection refused" in out
