"""Parameters of requests, and which request began which run."""

from __future__ import annotations

from pathlib import Path

from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.state.requests import LONGEST, MOST, Requests, parameters
from dubhe_simulator.platform.storage.database import Database

NAME = "net-local-train-1"


def run(number: int, started_ms: int) -> Run:
    return Run(number, NAME, "train", number, started_ms)


def test_parameters_are_flat_and_short() -> None:
    body = {
        "req_type": 1,
        "instance_id": NAME,
        "split_rate": 0.1,
        "code_list": ["a", "缺陷"],
        "special_params": {"lr": 0.01, "net": {"depth": 18, "pretrained": True}, "none": {}},
        "data_paths": ["x" * 300],
        "pretrained_model_path": None,
    }
    found = parameters(body)
    assert found.pop("data_paths") == '["' + "x" * (LONGEST - 3) + "…"
    assert found == {
        "split_rate": 0.1,
        "code_list": '["a", "缺陷"]',
        "special_params.lr": 0.01,
        "special_params.net.depth": 18,
        "special_params.net.pretrained": True,
        "special_params.none": "{}",
        "pretrained_model_path": None,
    }
    assert len(parameters({str(number): number for number in range(MOST + 5)})) == MOST


def test_a_run_belongs_to_the_request_before_it(tmp_path: Path) -> None:
    requests = Requests(Database(tmp_path))
    task = {"req_type": 1}
    assert requests.of(run(1, 50), None) is None
    requests.add(1, NAME, 100, {"req_type": 0}, {"flag": 1})  # a heartbeat
    requests.add(2, NAME, 100, {**task, "lr": 1}, {"flag": 1})
    requests.add(3, NAME, 110, {**task, "lr": 2}, {"flag": 2})  # refused: it is busy
    requests.add(4, NAME, 300, {**task, "lr": 3}, None)  # no answer, but it began
    first, second, third = run(1, 120), run(2, 310), run(3, 500)
    assert requests.of(run(1, 99), None) is None, "it began before any request"
    assert requests.of(first, None) == 2
    assert requests.of(second, first) == 4
    assert requests.of(third, second) is None, "somebody else asked for it"
    assert requests.parameters_of(4) == {"lr": 3}
    assert requests.parameters_of(None) == {}
    requests.forget(NAME)
    assert requests.of(first, None) is None
