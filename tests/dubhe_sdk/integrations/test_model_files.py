"""A framework's checkpoint becomes a model file of the platform's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dubhe_sdk import Context
from dubhe_sdk.integrations.model_files import keep_model, save_model


def test_the_name_is_the_platform_s(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "best.pt"
    source.write_bytes(b"weights")
    path = keep_model(ctx, source, 7, 0.314)
    assert path.read_bytes() == b"weights"
    assert re.fullmatch(r"output/models/model_\d{17}_7_0\.31\.pt", str(path))
    assert keep_model(ctx, source, 8, None, ".bin").name.endswith("_8_0.00.bin")
    assert len(list(path.parent.iterdir())) == 2, "nothing else is left there"
    assert source.exists()


def test_half_a_file_is_no_model(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        keep_model(ctx, tmp_path / "none.pt", 0, 0.5)
    assert list((tmp_path / "output" / "models").iterdir()) == []


def test_a_framework_writes_it_itself(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "output" / "models"

    def write(path: str) -> None:
        assert path.endswith(".json") and not list(folder.glob("model_*"))
        Path(path).write_text("{}")

    assert save_model(ctx, write, 2, 0.5, ".json").name.endswith("_2_0.50.json")
    with pytest.raises(ZeroDivisionError):
        save_model(ctx, lambda path: [Path(path).touch(), 1 // 0], 3, 0.5, ".json")
    assert len(list(folder.iterdir())) == 1
