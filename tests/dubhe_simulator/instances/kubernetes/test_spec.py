from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.kubernetes.spec import (
    Notes,
    PodOptions,
    manifest,
    pod_name,
    quantity,
)
from dubhe_simulator.instances.kubernetes.volumes import Volume

ID = "digits-local-train-20261129180000"


def options(folder: Path, **more: Any) -> PodOptions:
    volumes = [Volume(folder.resolve(), "claim")]
    return PodOptions(
        "digits:1", "digits", "http", folder / "runs", folder / "output", volumes, **more
    )


def made(folder: Path, environment: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    notes = Notes(ID, str(folder / "runs" / "1"))
    return manifest(options(folder, **more), TaskKind.TRAIN, notes, environment or {}, "p1")


def test_a_pod_has_what_an_instance_needs(tmp_path: Path) -> None:
    given = {"model_path": str(tmp_path / "output" / "models" / "m.pth"), "MINE": "1"}
    pod = made(tmp_path, given, data=tmp_path / "data", memory="2g", gpus=2)
    [container] = pod["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment == {
        **given,
        "INSTANCE_ID": ID,
        "PORT": "8030",
        "DUBHE_TEMPORARY": "/temporary",
    }
    at = {each["mountPath"]: each for each in container["volumeMounts"]}
    assert at["/temporary"]["subPath"] == "runs/1"
    assert at["/app/output"]["subPath"] == "output"
    assert at[str(tmp_path / "data")]["readOnly"] and at[given["model_path"]]["readOnly"]
    assert "/dev/shm" in at
    assert container["resources"]["limits"] == {"memory": "2Gi", "nvidia.com/gpu": "2"}


def test_nothing_of_the_namespace_reaches_it(tmp_path: Path) -> None:
    spec = made(tmp_path)["spec"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"


@pytest.mark.parametrize(("user", "expected"), [(0, 65534), (1234, 1234)])
def test_it_is_never_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, expected: int
) -> None:
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setattr("os.getgid", lambda: user)
    rights = made(tmp_path)["spec"]["securityContext"]
    assert rights["runAsNonRoot"] is True
    assert (rights["runAsUser"], rights["runAsGroup"]) == (expected, expected)


@pytest.mark.parametrize(("given", "expected"), [("60", 61), ("nonsense", 10)])
def test_its_grace_follows_its_own_limit(tmp_path: Path, given: str, expected: int) -> None:
    pod = made(tmp_path, {"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": given})
    assert pod["spec"]["terminationGracePeriodSeconds"] == expected


def test_a_spool_that_outlives_it(tmp_path: Path) -> None:
    notes = Notes(ID, str(tmp_path / "runs" / "1"), str(tmp_path / "runs" / "spools" / "a"), 7)
    pod = manifest(options(tmp_path), TaskKind.TRAIN, notes, {}, "p1")
    [container] = pod["spec"]["containers"]
    assert {"name": "DUBHE_SPOOL_DIR", "value": "/spool"} in container["env"]
    assert Notes.of(pod) == notes


def test_all_gpus_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="a pod takes a number of GPUs"):
        made(tmp_path, gpus=-1)


@pytest.mark.parametrize(
    "id_", ["My_Net-local-train-1", "x" * 100, "x" * 100 + "y", "网络-local-train-1"]
)
def test_any_id_makes_a_name(id_: str) -> None:
    name = pod_name(id_)
    assert len(name) <= 63 and name.isascii() and name == name.lower()
    assert name[-1].isalnum() and "_" not in name
    assert name != pod_name(id_ + "z")


@pytest.mark.parametrize(("size", "expected"), [("2g", "2Gi"), ("512mb", "512Mi"), ("2G", "2G")])
def test_sizes(size: str, expected: str) -> None:
    assert quantity(size) == expected
