"""Instances that the platform starts or attaches to, and requests to them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.instances.local import LocalInstance
from tests.dubhe_simulator.fake import fake_algorithm, processes_with, wait_until
from tests.dubhe_simulator.ui import Ui


def finished(state: dict[str, Any]) -> bool:
    return bool(state["workflow"]) and state["workflow"]["state"] != "running"


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_the_whole_story(tmp_path: Path, protocol: str) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net", protocol)) as ui:
        assert ui.get("state")["can_start"]
        ui.post("workflow", images=2)
        assert "a workflow is running" in ui.post("workflow", 409)["error"]
        state = ui.wait(finished)
        assert state["workflow"] == {"state": "done", "step": "infer", "error": None, "note": None}
        kinds = {i["kind"]: i for i in state["instances"]}
        assert {kind: i["state"] for kind, i in kinds.items()} == {
            "train": "ended",
            "evaluate": "ended",
            "infer": "ready",
        }
        assert kinds["infer"]["protocol"] == protocol
        models = state["algorithm"]["models"]
        assert (models[0]["epoch"], models[0]["loss"], len(models)) == (11, 0.1, 12)
        [sent] = [s for s in ui.get("sends")["items"] if s["body"]["req_type"] == 3]
        assert [r["predictions"][0]["predicted"] for r in sent["results"]] == ["7", "7"]
        url = sent["results"][0]["url"]
        assert ui.raw("GET", url)[0] == 200
        # One click each: what is ready is used again.
        ui.post("workflow/infer")
        ui.wait(finished)
        assert len([i for i in ui.get("state")["instances"] if i["kind"] == "infer"]) == 1
    assert not processes_with(str(tmp_path / "runs"))


def test_forms_and_sending(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net")) as ui:
        name = ui.post("start", kind="train")["instance"]
        ui.wait_state(name, "ready")
        forms = {f["name"]: f for f in ui.get("forms", instance=name)["requests"]}
        assert [f["fits"] for f in forms.values()] == [True, True, False, False]
        assert forms["train"]["body"]["code_list"] == ["0", "1"]
        heartbeat = ui.post("send", instance=name, body=forms["heartbeat"]["body"])
        assert heartbeat["reply"] == {"flag": 1, "message": "service online"}
        assert heartbeat["error"] is None and heartbeat["ms"] > 0
        assert "req_type is 9" in ui.post("send", 400, instance=name, body={"req_type": 9})["error"]
        ui.post("send", instance=name, body=forms["train"]["body"])
        ui.wait_state(name, "ended")
        history = ui.get("sends", limit=10)["items"]
        assert [item["body"]["req_type"] for item in history] == [1, 0]
        ui.post("stop", instance=name)
        assert ui.instance(name)["state"] == "ended"
        gone = ui.post("send", instance=name, body=forms["heartbeat"]["body"])
        assert gone["reply"] is None and "ConnectionRefused" in gone["error"]


@pytest.mark.parametrize(
    ("behaviour", "state", "reason"),
    [
        ({"exit_in": "train"}, "failed", "exited with status 3"),
        ({"fail": "train"}, "failed", "current model error boom"),
        ({"vanish_in": "train"}, "failed", "exited with status 7"),
    ],
)
def test_failures(tmp_path: Path, behaviour: dict[str, object], state: str, reason: str) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net", **behaviour)) as ui:
        ui.post("workflow/train")
        ui.wait(finished)
        [instance] = ui.get("state")["instances"]
        ui.wait_state(instance["id"], state)
        assert reason in ui.instance(instance["id"])["reason"]
        flow = ui.get("state")["workflow"]
        assert (flow["state"], flow["step"]) == ("failed", "train")
        assert flow["error"]


def test_after_a_failure_the_next_training_is_a_new_one(tmp_path: Path) -> None:
    algorithm = fake_algorithm(tmp_path / "net", fail="train")
    with Ui(tmp_path / "runs", algorithm) as ui:
        for count in (1, 2):
            ui.post("workflow/train")
            assert "boom" in ui.wait(finished)["workflow"]["error"]
            assert len(ui.get("sends")["items"]) == count
        (algorithm / "behaviour.json").write_text("{}")  # the error is corrected
        ui.post("workflow/train")
        state = ui.wait(finished)
        assert (state["workflow"]["state"], state["workflow"]["error"]) == ("done", None)
        assert [i["state"] for i in state["instances"]] == ["failed", "failed", "ended"]
        assert not [i for i in state["instances"] if i["owned"]], "none of them goes on running"


def test_an_instance_that_is_used_again_is_waited_for_again(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net", slow=0.5)) as ui:
        name = ui.post("start", kind="train")["instance"]
        ui.wait_state(name, "ready")
        body = ui.get("forms", instance=name)["requests"][1]["body"]
        ui.post("send", instance=name, body=body)
        ui.wait_state(name, "ended")
        ui.post("workflow/train")
        state = ui.wait(finished)
        assert state["workflow"]["state"] == "done"
        assert [run["status"] for run in state["runs"]] == [200, 200]
        assert {run["instance"] for run in state["runs"]} == {name}


def test_an_instance_that_was_started_with_other_parameters_is_not_used(tmp_path: Path) -> None:
    given = ("--special-params", '{"lr": 1}')
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net"), *given) as ui:
        own = ui.post("start", kind="train")["instance"]
        ui.wait_state(own, "ready")

        def used(**body: object) -> str:
            before = len(ui.get("state")["runs"])
            ui.post("workflow/train", **body)
            state = ui.wait(lambda s: len(s["runs"]) > before and finished(s))
            return str(state["runs"][-1]["instance"])

        assert used(special_params={"lr": True}) != own
        assert used(special_params={}) != own
        assert used(special_params={"lr": 1}) == own
        again = ui.post("start", kind="train", special_params={"lr": 2})["instance"]
        ui.wait_state(again, "ready")
        assert used() not in (own, again)


def test_a_refused_request_fails_the_flow(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net", refuse="train")) as ui:
        ui.post("workflow/train")
        flow = ui.wait(finished)["workflow"]
        assert "field data_paths is missing" in flow["error"]


def test_stopping_in_mid_run(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net", endless=True)) as ui:
        ui.post("workflow/train")
        state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"] == 1)
        name = state["instances"][0]["id"]
        ui.post("stop", instance=name)
        found = ui.instance(name)
        assert (found["state"], found["owned"]) == ("stopped", False)
        assert "without sending END" in found["reason"]
        flow = ui.wait(finished)["workflow"]
        assert (flow["state"], flow["error"]) == ("stopped", "stopped by the platform")
        assert [run["stopped"] for run in ui.runs_of(name)] == [True]


def test_without_a_model_file_it_goes_on_and_says_so(tmp_path: Path) -> None:
    algorithm = fake_algorithm(tmp_path / "net", no_model=True)
    with Ui(tmp_path / "runs", algorithm) as ui:
        ui.post("workflow")
        workflow = ui.wait(finished)["workflow"]
        assert (workflow["state"], workflow["error"]) == ("done", None)
        assert workflow["note"].endswith("starting without model_path")


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_attaching(tmp_path: Path, protocol: str) -> None:
    algorithm = read_algorithm(fake_algorithm(tmp_path / "net", protocol))
    name = "other-machine-train-1"
    with (
        LocalInstance(algorithm, TaskKind.TRAIN, name, tmp_path / "elsewhere", {}) as instance,
        Ui(tmp_path / "runs") as ui,
    ):
        wait_until(lambda: (instance.folder / "journal").exists())
        address = f"127.0.0.1:{instance.port}"
        folder = str(instance.folder)
        found = ui.post("attach", address=address, protocol=protocol, instance=name, folder=folder)
        assert found == {"instance": name}
        ui.wait_state(name, "ready")
        assert not ui.instance(name)["owned"]
        assert "cannot be stopped here" in ui.post("stop", 409, instance=name)["error"]
        form = ui.get("forms", instance=name)["requests"][1]["body"]
        assert form["data_paths"] == []
        ui.post("send", instance=name, body=form)
        ui.wait_state(name, "ended")
        [run] = ui.runs_of(name)
        assert run["metrics"][0]["points"] == 4


@pytest.mark.slow
def test_heartbeats_that_stay_away_and_come_back(tmp_path: Path) -> None:
    algorithm = read_algorithm(fake_algorithm(tmp_path / "net"))
    name = "other-machine-train-1"
    with (
        LocalInstance(algorithm, TaskKind.TRAIN, name, tmp_path / "elsewhere", {}) as instance,
        Ui(tmp_path / "runs") as ui,
    ):
        ui.post("attach", address=f"127.0.0.1:{instance.port}", protocol="http", instance=name)
        ui.wait_state(name, "ready")
        [app] = [pid for pid in processes_with(name) if b"app.py" in cmdline(pid)]
        os.kill(app, signal.SIGSTOP)
        lost = ui.wait_state(name, "lost")
        assert "no reply to the heartbeat" in lost["reason"]
        os.kill(app, signal.SIGCONT)
        ui.wait_state(name, "ready")


def test_attach_on_the_command_line_to_what_is_not_there(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs", "--attach", "tcp://127.0.0.1:1") as ui:
        [instance] = ui.get("state")["instances"]
        assert ui.wait_state(instance["id"], "lost")["protocol"] == "tcp"
        assert "expected http://HOST:PORT" in ui.post("attach", 400, address="x")["error"]
        wrong = ui.post("attach", 400, address="127.0.0.1:1", folder="/nonexistent")
        assert "there is no folder" in wrong["error"]


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_one_that_is_not_up_yet_gets_its_name_when_it_is(tmp_path: Path) -> None:
    algorithm = read_algorithm(fake_algorithm(tmp_path / "net"))
    name = "other-machine-train-1"
    instance = LocalInstance(algorithm, TaskKind.TRAIN, name, tmp_path / "elsewhere", {})
    (tmp_path / "elsewhere").mkdir()
    with Ui(tmp_path / "runs") as ui:
        address = f"127.0.0.1:{instance.port}"
        stand_in = ui.post("attach", address=address, folder=str(instance.folder))["instance"]
        assert "unknown" in stand_in
        ui.wait_state(stand_in, "lost")
        with instance:
            ui.wait_state(name, "ready")
            ui.wait(lambda s: [i["id"] for i in s["instances"]] == [name])  # one card, not two
            assert ui.instance(name)["address"] == address
