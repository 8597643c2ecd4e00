from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.ipc.identity import manual_instance_id


@pytest.mark.parametrize("kind", list(TaskKind))
@pytest.mark.parametrize(
    ("folder", "name"),
    [("digits", "digits"), ("my-app 2", "my_app_2"), ("算法", "app"), ("-", "app")],
)
def test_an_id_that_fits_folder_and_kind(
    tmp_path: Path, folder: str, name: str, kind: TaskKind
) -> None:
    instance_id = manual_instance_id(tmp_path / folder / "app.py", kind)
    assert instance_id == f"manual-{name}-{kind.id_word}-1"
    assert kind_of(instance_id) is kind
