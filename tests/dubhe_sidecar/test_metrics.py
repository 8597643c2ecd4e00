"""The figures over HTTP, from a real sidecar."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sidecar import metrics
from dubhe_sidecar.metrics import MetricsOptions, MetricsSnapshot, read_metrics_options
from tests.dubhe_sdk.spool.helpers import append, make_writer
from tests.dubhe_sidecar.test_prometheus import figures
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as reply:
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return figures(reply.read().decode())


def listeners(process: subprocess.Popen[bytes]) -> int:
    """Return how many TCP sockets of a process listen."""
    inodes = set()
    for path in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(str(path.readlink()).removeprefix("socket:[").rstrip("]"))
    rows = [r.split() for r in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "0A" and row[9] in inodes for row in rows)


@pytest.mark.slow
def test_a_sidecar_tells_its_figures_on_loopback(harness):
    writer = make_writer(harness.spool)
    append(writer, 1)
    with reserved_port() as port:
        env = {"DUBHE_METRICS_PORT": str(port), "INSTANCE_ID": "a-b-train-1"}
        process = harness.start(env=env)
        label = "{instance_id=a-b-train-1}"

        def delivered() -> float:
            try:
                return scrape(port)[f"dubhe_delivered_records_total{label}"]
            except urllib.error.URLError:
                return 0.0

        wait_for(lambda: delivered() == 1, harness.log_text)
        assert scrape(port)[f"dubhe_sidecar_up{label}"] == 1
        assert listeners(process) == 1
        local = [r.split()[1] for r in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert f"0100007F:{port:04X}" in local
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"GET /met")  # reports no more, and is put out
            assert scrape(port)
        for path, status in (("/", 404), ("/metrics?x", 200), ("/../metrics", 404)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path)
            assert connection.getresponse().status == status
            connection.close()
    writer.close()


def test_nothing_listens_unless_asked_for(harness):
    writer = make_writer(harness.spool)
    append(writer, 1)
    process = harness.start()
    wait_for(lambda: harness.values, harness.log_text)
    assert listeners(process) == 0
    writer.close()


def test_a_port_that_is_taken_is_told_and_ends_nothing(harness):
    writer = make_writer(harness.spool)
    append(writer, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        harness.start(env={"DUBHE_METRICS_PORT": str(taken.getsockname()[1])})
        wait_for(lambda: harness.values, harness.log_text)
    assert "no metrics: 127.0.0.1:" in harness.log_text
    writer.close()


def test_the_options():
    assert read_metrics_options({}) == MetricsOptions(0, "127.0.0.1")
    env = {"DUBHE_METRICS_PORT": "9100", "DUBHE_METRICS_HOST": " 0.0.0.0"}
    assert read_metrics_options(env) == MetricsOptions(9100, "0.0.0.0")
    with pytest.raises(EnvironmentInvalid, match="DUBHE_METRICS_PORT"):
        read_metrics_options({"DUBHE_METRICS_PORT": "x"})


@pytest.mark.parametrize("link", ["tcp://10.0.0.1:9090", " tcp://[fd00::1]:9090", "udp://a-b:1"])
def test_what_kubernetes_sets_for_a_service_of_that_name_is_no_port(harness, link):
    writer = make_writer(harness.spool)
    append(writer, 1)
    process = harness.start(env={"DUBHE_METRICS_PORT": link})
    wait_for(lambda: harness.values, harness.log_text)
    assert listeners(process) == 0
    lines = [line for line in harness.log_text.splitlines() if "DUBHE_METRICS_PORT" in line]
    assert len(lines) == 1
    assert f"DUBHE_METRICS_PORT is {link.strip()}, set by Kubernetes" in lines[0]
    writer.close()


def test_scrapes_in_a_row_look_once(tmp_path, monkeypatch):
    looks = []

    def look(spool):
        looks.append(spool)
        time.sleep(0.2)
        return metrics_inspect(spool)

    metrics_inspect = metrics.inspect
    monkeypatch.setattr(metrics, "inspect", look)
    snapshot = MetricsSnapshot(tmp_path, {})
    assert {snapshot.text() for _ in range(50)} == {snapshot.text()}
    assert len(looks) == 1
    assert figures(snapshot.text().decode())["dubhe_delivered_records_total"] == 0


def test_the_command_prints_them(harness):
    writer = make_writer(harness.spool)
    append(writer, 1)
    done = harness.dubhe("status", "--prometheus", INSTANCE_ID="a-b-train-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert figures(done.stdout)["dubhe_undelivered_records{instance_id=a-b-train-1}"] == 1
    both = harness.dubhe("status", "--prometheus", "--json")
    assert both.returncode == 2 and "not allowed with" in both.stderr
    assert harness.dubhe("status", "--prometheus", str(harness.spool / "none")).returncode == 2
    writer.close()
