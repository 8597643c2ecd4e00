from __future__ import annotations

from itertools import islice

from tests.faults import plan
from tests.faults.__main__ import main


def test_the_same_seed_gives_the_same_faults() -> None:
    for name in ("writers", "http"):
        one, again, other = (
            list(islice(plan.container_track(seed, name, plan.SERVICE, 1.0), 200))
            for seed in (1, 1, 2)
        )
        assert one == again != other
    assert list(islice(plan.broker_track(1, 5.0, longest=True), 50)) == list(
        islice(plan.broker_track(1, 5.0, longest=True), 50)
    )


def test_every_kind_comes() -> None:
    faults = list(islice(plan.container_track(3, "http", plan.SERVICE, 1.0), 400))
    assert {fault.target for fault in faults} == {*plan.SERVICE, *plan.SIGNALS}
    assert {fault.what for fault in faults} == {plan.KILL, plan.FREEZE, plan.SIGNAL}
    faults = list(islice(plan.container_track(3, "writers", plan.WRITERS, 1.0), 400))
    assert {fault.what for fault in faults} == {plan.KILL, plan.FREEZE}
    kinds = [
        fault.what
        for fault in islice(plan.broker_track(3, 5.0, longest=True), len(plan.BROKER) + 1)
    ]
    assert set(kinds) == {*plan.BROKER, plan.LONGEST}


def test_the_command_prints_its_seed_and_its_plan(capsys) -> None:
    assert main(["--plan", "--minutes", "1", "--kills", "8", "--broker-faults", "2"]) == 0
    first = capsys.readouterr().out
    seed = first.split()[1].rstrip(":")
    assert main(["--plan", "--minutes=1", "--kills=8", "--broker-faults=2", "--seed", seed]) == 0
    assert capsys.readouterr().out == first
    assert "broker" in first
    assert "kill sidecar" in first
