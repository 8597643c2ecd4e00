from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.docker.spec import (
    ContainerSpec,
    on_loopback,
    own_user,
    read_environment,
)


def plan(folder: Path, **more: object) -> ContainerSpec:
    fixed = {"image": "i", "kind": TaskKind.TRAIN, "instance_id": "i-local-train-1", "name": "n"}
    return ContainerSpec(run=folder, **{"user": own_user(), **fixed, **more})  # type: ignore[arg-type]


def test_without_brokers_it_is_manual_mode(tmp_path: Path) -> None:
    variables = plan(tmp_path).variables()
    assert "PLATFORM_TYPE" not in variables
    assert variables["INSTANCE_ID"] == "i-local-train-1"
    assert variables["PORT"] == "8030"


def test_what_is_read_only_lies_at_the_same_path(tmp_path: Path) -> None:
    model = tmp_path / "m.pth"
    volumes = plan(tmp_path, data=tmp_path / "data", model=model).volumes("/srv/")
    assert volumes[str(tmp_path / "data")] == {"bind": str(tmp_path / "data"), "mode": "ro"}
    assert volumes[str(model)]["mode"] == "ro"
    assert volumes[str(tmp_path / "output")] == {"bind": "/srv/output", "mode": "rw"}


def test_the_port_is_on_loopback_alone(tmp_path: Path) -> None:
    assert plan(tmp_path).arguments("/app")["ports"] == {"8030/tcp": ("127.0.0.1", None)}
    shared = plan(tmp_path, network="host", port=7000)
    assert "ports" not in shared.arguments("/app")
    assert shared.variables()["PORT"] == "7000"


def test_another_user_may_write_to_the_folders(tmp_path: Path) -> None:
    mine, theirs = plan(tmp_path / "a"), plan(tmp_path / "b", user="12345:0")
    mine.make_folders()
    theirs.make_folders()
    assert mine.temporary_folder.stat().st_mode & 0o002 == 0
    assert theirs.temporary_folder.stat().st_mode & 0o1777 == 0o1777


@pytest.mark.parametrize(
    ("brokers", "expected"),
    [
        ("127.0.0.1:9092", True),
        ("localhost:9092", True),
        ("kafka:9092,[::1]:9092", True),
        ("10.0.0.7:9092", False),
    ],
)
def test_loopback(brokers: str, expected: bool) -> None:
    assert on_loopback(brokers) is expected


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "m")
    assert read_environment(["A=1=2", "B=", "MINE"]) == {"A": "1=2", "B": "", "MINE": "m"}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("PORT=1", "this variable is set by --port"),
        ("NOT_SET_ANYWHERE", "--env NOT_SET_ANYWHERE=VALUE"),
    ],
)
def test_variables_that_are_refused(word: str, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        read_environment([word])
