"""The sidecar is killed at every step of delivery, twice in a row and in different passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import steps
from tests.faults.container import crowd_command
from tests.faults.scene import Scene, Staging
from tests.kafka.broker import Broker

MIB = 1024 * 1024


def die_at(
    scene: Scene, step: str, passes: list[int], folder: Path, *options: object, spool: int = 16
) -> None:
    """Have three processes speak while the sidecar dies; check that all fuses have blown."""
    fuses = folder / "fuses"
    steps.lay_fuses(fuses, passes)
    container = scene.container(
        crowd_command("--others", 2, "--pace", 0.002, *options),
        module=steps.__name__,
        env={
            steps.STEP_VARIABLE: step,
            steps.FUSES_VARIABLE: str(fuses),
            "DUBHE_DRAIN_TIMEOUT_SECONDS": "120",
            # So that a stream has several segments, which are deleted while it goes on.
            "DUBHE_SPOOL_MAX_BYTES": str(spool * MIB),
        },
    )
    assert container.start().app.wait(150) == 0
    assert list(fuses.iterdir()) == [], f"the sidecar never came to: {step}"
    assert container.app.console.count("was killed by SIGKILL") == len(passes)


@pytest.mark.parametrize("step", steps.STEPS)
def test_sidecar_killed(step: str, kafka: Broker, stage: Staging, tmp_path: Path) -> None:
    scene = stage(kafka)
    die_at(scene, step, [1, 2], tmp_path, "--count", 120, "--sizes", 50, 60_000)
    verdict = scene.verdict()
    assert verdict.good, f"\n{verdict}"
    assert verdict.said == verdict.received == 3 * 120


@pytest.mark.parametrize("step", steps.DEAD_LETTER_STEPS)
def test_sidecar_killed_with_a_refused_record(
    step: str, kafka: Broker, stage: Staging, tmp_path: Path
) -> None:
    scene = stage(kafka)
    sizes = ("--sizes", 50, 2000, "--refused", 20)
    die_at(scene, step, [1, 1], tmp_path, "--count", 30, *sizes, spool=256)
    verdict = scene.verdict()
    assert verdict.good, f"\n{verdict}"
    assert verdict.said == 3 * 30
    assert verdict.dead_letters == 3
    assert verdict.received == 3 * 29
