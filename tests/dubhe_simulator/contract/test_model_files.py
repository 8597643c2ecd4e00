from __future__ import annotations

from pathlib import Path

from dubhe_simulator.contract.model_files import best, model_files


def test_the_last_epoch_is_the_best(tmp_path: Path) -> None:
    names = [
        "model_20240101000000000_2_0.01.pkl",
        "model_20240101000000001_10_0.50.pth",
        "model_20240101000000000_10_0.40.tar.gz",
    ]
    for name in [*names, "model.pkl", "model_1_x_0.1.pkl", "notes.txt"]:
        (tmp_path / name).touch()
    found = model_files(tmp_path)
    assert {path.name for path in found} == set(names)
    assert best(found) == tmp_path / names[1]


def test_no_models(tmp_path: Path) -> None:
    assert best(model_files(tmp_path / "absent")) is None
