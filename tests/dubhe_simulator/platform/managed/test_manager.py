"""Which of its instances a platform uses again."""

from __future__ import annotations

from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.instances.local import LocalInstance
from dubhe_simulator.platform.managed.factory import InstanceFactory
from dubhe_simulator.platform.managed.manager import InstanceManager
from dubhe_simulator.platform.run_config import RunConfig
from dubhe_simulator.platform.state.records import InstanceRecord, ManagedState
from tests.dubhe_simulator.export.stored import opened
from tests.dubhe_simulator.fake import fake_algorithm

NAME = "net-local-train-1"


def test_parameters_of_an_instance_are_known_to_the_next_platform(tmp_path: Path) -> None:
    runs = tmp_path / "runs"

    def started(record: InstanceRecord) -> None:
        record.managed = ManagedState(owned=True, session_id="before", params={"lr": 1})
        record.reported.ready = True

    with opened(runs) as (registry, _):
        registry.enter(NAME, started)
    algorithm = read_algorithm(fake_algorithm(tmp_path / "net"))
    with opened(runs) as (registry, _):
        factory = InstanceFactory(RunConfig(runs, special_params={"lr": 1}))
        manager = InstanceManager(registry, factory, lambda folder: None)
        manager.adopt(LocalInstance(algorithm, TaskKind.TRAIN, NAME, tmp_path / "own", {}))
        assert manager.find_idle(TaskKind.TRAIN, None, None) == NAME
        assert manager.find_idle(TaskKind.TRAIN, None, {"lr": 1}) == NAME
        for other in ({}, {"lr": 2}, {"lr": True}, {"lr": 1, "more": None}):
            assert manager.find_idle(TaskKind.TRAIN, None, other) is None, other
