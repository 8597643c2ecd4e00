from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.kubernetes.volumes import Mounts, parse_volume


def test_what_lies_in_a_volume_is_mounted_by_its_path_in_it(tmp_path: Path) -> None:
    (tmp_path / "shared" / "fast").mkdir(parents=True)
    outer = parse_volume(f"{tmp_path}/shared=claim-1")
    inner = parse_volume(f"{tmp_path}/shared/fast=/mnt/fast")
    mounts = Mounts([outer, inner])
    mounts.add(tmp_path / "shared" / "fast" / "data", "/data", read_only=True)
    mounts.add(tmp_path / "shared" / "runs" / "1", "/temporary")
    mounts.add(tmp_path / "shared", "/everything")
    assert mounts.mounts == [
        {"name": "shared-0", "mountPath": "/data", "subPath": "data", "readOnly": True},
        {"name": "shared-1", "mountPath": "/temporary", "subPath": "runs/1"},
        {"name": "shared-1", "mountPath": "/everything"},
    ]
    assert mounts.volumes == [
        {"name": "shared-0", "hostPath": {"path": "/mnt/fast", "type": "Directory"}},
        {"name": "shared-1", "persistentVolumeClaim": {"claimName": "claim-1"}},
    ]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk" / "data").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "disk" / "data")
    mounts = Mounts([parse_volume(f"{tmp_path}/disk=claim")])
    mounts.add(tmp_path / "data", str(tmp_path / "data"))
    [mount] = mounts.mounts
    assert mount["subPath"] == "data"


def test_what_lies_in_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    mounts = Mounts([parse_volume(f"{tmp_path}/shared=claim")])
    with pytest.raises(EngineError, match=r"other is in no volume that the pods see.*--volume"):
        mounts.add(tmp_path / "other", "/data")


@pytest.mark.parametrize("text", ["", "claim", "=claim", "/folder="])
def test_what_is_no_volume(text: str) -> None:
    with pytest.raises(EngineError, match="expected DIR=CLAIM or DIR=/PATH"):
        parse_volume(text)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is no folder"):
        parse_volume(f"{tmp_path}/absent=claim")
