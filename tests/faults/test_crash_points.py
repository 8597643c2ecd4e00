"""The sidecar is killed at every step of delivery, twice in a row and in different passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import crash_points
from tests.faults.container import writer_command
from tests.faults.fault_setup import FaultSetup, FaultSetupFactory
from tests.kafka.broker import Broker

MIB = 1024 * 1024


def die_at(
    setup: FaultSetup, step: str, passes: list[int], folder: Path, *options: object, spool: int = 16
) -> None:
    """Have three processes report while the sidecar dies; check that all triggers have blown."""
    triggers = folder / "triggers"
    crash_points.set_triggers(triggers, passes)
    container = setup.container(
        writer_command("--others", 2, "--pace", 0.002, *options),
        module=crash_points.__name__,
        env={
            crash_points.CRASH_POINT_VARIABLE: step,
            crash_points.TRIGGERS_VARIABLE: str(triggers),
            "DUBHE_DRAIN_TIMEOUT_SECONDS": "120",
            # So that a stream has several segments, which are deleted while it goes on.
            "DUBHE_SPOOL_MAX_BYTES": str(spool * MIB),
        },
    )
    assert container.start().app.wait(150) == 0
    assert list(triggers.iterdir()) == [], f"the sidecar never came to: {step}"
    assert container.app.console.count("was killed by SIGKILL") == len(passes)


@pytest.mark.parametrize("step", crash_points.CRASH_POINTS)
def test_sidecar_killed(
    step: str, kafka: Broker, fault_setup: FaultSetupFactory, tmp_path: Path
) -> None:
    setup = fault_setup(kafka)
    die_at(setup, step, [1, 2], tmp_path, "--count", 120, "--sizes", 50, 60_000)
    verdict = setup.verdict()
    assert verdict.good, f"\n{verdict}"
    assert verdict.reported == verdict.received == 3 * 120


@pytest.mark.parametrize("step", crash_points.DEAD_LETTER_CRASH_POINTS)
def test_sidecar_killed_with_a_refused_record(
    step: str, kafka: Broker, fault_setup: FaultSetupFactory, tmp_path: Path
) -> None:
    setup = fault_setup(kafka)
    sizes = ("--sizes", 50, 2000, "--refused", 20)
    die_at(setup, step, [1, 1], tmp_path, "--count", 30, *sizes, spool=256)
    verdict = setup.verdict()
    assert verdict.good, f"\n{verdict}"
    assert verdict.reported == 3 * 30
    assert verdict.dead_letters == 3
    assert verdict.received == 3 * 29
