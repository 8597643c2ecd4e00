"""``dubhe ui`` as a process: how it begins, ends and goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_simulator.commands.ui import main
from tests.dubhe_simulator.fake import fake_algorithm, processes_with, wait_until
from tests.dubhe_simulator.ui import HEADERS, PROGRAM, Journal, Ui

ROOT = Path(__file__).parents[3]


def test_help_needs_nothing_but_the_standard_library() -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'simulator'}"}
    script = "from dubhe_simulator.commands.ui import main; main(['--help'])"
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "usage: dubhe ui" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "x"],
        ["--port", "65536"],
        ["--attach", "nonsense"],
        ["--bogus"],
        ["--url", "127.0.0.1:8040"],
        ["--url", "http://127.0.0.1:0"],
        ["--url", "http://127.0.0.1:8040/page"],
        ["folder", "--on", "mainframe"],
        ["folder", "--gpus", "none"],
    ],
)
def test_wrong_use(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["/nonexistent"], "/nonexistent contains neither run.sh nor app.py"),
        (["--data-dir", "/nonexistent"], "there is no folder /nonexistent"),
        (["--images", "/nonexistent"], "there is no folder /nonexistent"),
        (["--brokers", "kafka:port"], "BOOTSTRAP_SERVERS contains 'kafka:port'"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:8040"),
        (["--on", "docker"], "--on docker requires ALGORITHM_DIR or --image"),
        (["--special-params", "[1]"], "--special-params is not a JSON object: [1]"),
    ],
)
def test_what_cannot_begin_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], expected: str
) -> None:
    assert main([*options, "--runs-dir", str(tmp_path / "runs")]) == 1
    assert expected in capsys.readouterr().out


def test_the_address_of_a_published_port(tmp_path: Path) -> None:
    """Behind it the page listens everywhere, and still answers to known names alone."""
    published = {"DUBHE_UI_HOST": "0.0.0.0", "DUBHE_UI_URL": "http://page.example:1234/"}
    with Ui(tmp_path, DUBHE_UI_HOST="0.0.0.0") as ui:
        assert ui.raw("GET", "/api/state", Host="192.0.2.1")[0] == 200
        port = ui.port
    with Ui(tmp_path, "--port", port, **published) as ui:
        assert ui.url == "http://page.example:1234"
        ui.port = port  # it listens there
        expected = {"page.example:1234": 200, f"localhost:{port}": 200, "127.0.0.1": 200}
        refused = dict.fromkeys(("192.0.2.1", f"platform:{port}", "evil.example"), 403)
        for host, status in {**expected, **refused}.items():
            assert ui.raw("GET", "/api/state", Host=host)[0] == status, host
        origin = {"Host": "page.example:1234", **HEADERS}
        for site, status in (("http://page.example:1234", 400), ("http://evil.example", 403)):
            assert ui.raw("POST", "/api/start", b"{}", Origin=site, **origin)[0] == status, site


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--port", str(port), "--runs-dir", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in told
    assert "--port (0: any)" in told


def test_one_platform_for_a_runs_folder(tmp_path: Path) -> None:
    with Ui(tmp_path):
        command = [*PROGRAM, "--port", "0", "--runs-dir", str(tmp_path), "--no-open"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        assert f"another `dubhe ui` or `dubhe play` uses {tmp_path}" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_and_what_it_started(
    tmp_path: Path, signum: signal.Signals, status: int
) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True)
    with Ui(tmp_path / "runs", folder) as ui:
        ui.post("workflow/train")
        ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"] == 1.0)
        page = ui.events()
        next(page)  # an open page holds nothing up
        ui.process.send_signal(signum)
        assert ui.process.wait(20) == status
        page.close()
    assert not processes_with(str(tmp_path / "runs"))


def test_ctrl_c_in_a_terminal_reaches_both_processes(tmp_path: Path) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True)
    with Ui(tmp_path / "runs", folder) as ui:
        ui.post("workflow/train")
        ui.wait(lambda s: s["runs"])
        os.kill(ui.worker, signal.SIGINT)
        ui.process.send_signal(signal.SIGINT)
        assert ui.process.wait(20) == 130
    assert not processes_with(str(tmp_path / "runs"))


def test_a_worker_that_is_killed_ends_the_server(tmp_path: Path) -> None:
    with Ui(tmp_path) as ui:
        os.kill(ui.worker, signal.SIGKILL)
        assert ui.process.wait(20) == 1


def test_sigkill_in_mid_run_and_another_start(tmp_path: Path) -> None:
    """What it had started ends by itself; nothing is lost, repeated, or claimed to run."""
    runs = tmp_path / "runs"
    folder = fake_algorithm(tmp_path / "net", endless=True)
    with Ui(runs, folder) as ui:
        ui.post("workflow/train")
        state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"] == 1.0)
        [instance] = state["instances"]
        assert instance["state"] == "running"
        other = Journal(runs / "other" / "train", "x-local-train-1")
        other.start()
        other.report(2, {"loss": 1.0, "progress": 0.1})
        ui.wait_state("x-local-train-1", "running")
        ui.kill()
        other.report(2, {"loss": 2.0, "progress": 0.2})
    wait_until(lambda: not processes_with(instance["id"]))
    with Ui(runs, folder) as ui:
        found = ui.instance(instance["id"])
        assert (found["state"], found["owned"]) == ("lost", False)
        assert found["reason"] == "the platform process that started it has ended"
        assert (found["messages"], found["duplicates"]) == (instance["messages"], 0)
        other.report(2, {"loss": 3.0, "progress": 0.3})
        other.end()
        ui.wait_state("x-local-train-1", "ended")
        [run] = ui.runs_of("x-local-train-1")
        assert (run["metrics"][0]["points"], run["status"]) == (3, 200)
        curve = ui.get("curves", run=run["id"], metric="loss")
        assert (curve["x"], curve["y"]) == ([0, 1, 2], [1.0, 2.0, 3.0])
        assert ui.get("messages", instance="x-local-train-1")["total"] == 5


def test_a_restart_leaves_what_ended_well_alone(tmp_path: Path) -> None:
    folder = fake_algorithm(tmp_path / "net")
    with Ui(tmp_path / "runs", folder) as ui:
        ui.post("workflow")
        ui.wait(lambda s: s["workflow"] and s["workflow"]["state"] != "running")
        before = ui.get("state")
        assert before["workflow"] == {"state": "done", "step": "infer", "error": None, "note": None}
        [_, predict, inference] = before["runs"]
        summary = ui.get("summary", run=predict["id"])
        assert ui.end() == 143
    with Ui(tmp_path / "runs", folder) as ui:
        after = ui.get("state")
        assert after["runs"] == before["runs"]
        assert ui.get("summary", run=predict["id"]) == summary
        states = {i["kind"]: (i["state"], i["reason"]) for i in after["instances"]}
        assert states["train"] == states["evaluate"] == ("ended", "")
        assert states["infer"] == ("ended", "stopped by the platform")
        assert inference["images"] == 6 and not inference["truth"]
