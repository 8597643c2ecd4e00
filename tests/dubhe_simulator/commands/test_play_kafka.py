"""``dubhe play`` through Kafka: on hosts, as the compose file does, and without a broker."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from dubhe_simulator.commands.play import main
from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.web.test_hosts import host
from tests.kafka.broker import Broker
from tests.page.platform import make_algorithm
from tests.support.ports import reserved_port

KINDS = ("train", "evaluate", "infer")


def test_on_hosts(
    tmp_path: Path,
    kafka: Broker,
    topic_name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, suffix in (("TOPIC_MODEL_STATUS", "s"), ("TOPIC_MODEL_RESULT", "r")):
        monkeypatch.setenv(variable, f"{topic_name}-{suffix}")
        kafka.create_topic(f"{topic_name}-{suffix}")
    algorithm, hosts = make_algorithm(tmp_path / "plates"), tmp_path / "hosts"
    hosts.mkdir()
    options = ["--data-dir", str(algorithm / "data"), "--brokers", kafka.bootstrap]
    options += ["--models", str(algorithm / "output" / "models"), "--name", "plates"]
    options += ["--runs-dir", str(tmp_path / "runs"), "--special-params", '{"epochs": 2}']
    with contextlib.ExitStack() as stack:
        for kind in KINDS:
            port, service = (stack.enter_context(reserved_port()) for _ in range(2))
            stack.enter_context(host(algorithm, hosts / kind, port, service))
            options += ["--on", f"{kind}=127.0.0.1:{port}"]
        status = main(options)
    out = capsys.readouterr().out
    assert status == 0, out
    assert f"Kafka    {kafka.bootstrap}: {topic_name}-s, {topic_name}-r" in out
    rows = re.findall(r"^  (training|evaluation|inference) .* (\d+) +(\d+) +0 +0$", out, re.M)
    assert [row[0] for row in rows] == ["training", "evaluation", "inference"]
    assert all(reported == received for _, reported, received in rows)
    assert "Logs " not in out  # they lie on the hosts


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
