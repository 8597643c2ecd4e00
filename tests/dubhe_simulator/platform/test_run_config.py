from __future__ import annotations

from pathlib import Path

from dubhe_simulator.platform.run_config import new_run_folder


def test_runs_of_one_second_have_folders_of_their_own_at_once(tmp_path: Path) -> None:
    made = [new_run_folder(tmp_path / "runs") for _ in range(30)]
    assert len(set(made)) == 30
    assert all(folder.is_dir() for folder in made)
    # Some share a second, whatever the machine: 30 seconds would be another fault.
    assert any(folder.name.endswith("-2") for folder in made)
