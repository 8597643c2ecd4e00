from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dubhe_sdk
from dubhe_sdk.api.model_file import model_path

NAME = re.compile(r"model_(\d{14})(\d{3})_(\d+)_(-?\d+\.\d\d|nan|inf)\.(\w+)")


def test_the_name_is_the_contract_s(tmp_path: Path) -> None:
    before = datetime.now()
    path = Path(model_path(tmp_path / "output" / "models", 1, 0.0))
    assert path.parent == tmp_path / "output" / "models"
    assert path.parent.is_dir()
    assert not path.exists()
    match = NAME.fullmatch(path.name)
    assert match is not None
    stamp = datetime.strptime(match[1], "%Y%m%d%H%M%S")
    assert before.replace(microsecond=0) <= stamp <= datetime.now()
    assert (match[3], match[4], match[5]) == ("1", "0.00", "pth")
    assert dubhe_sdk.model_path is model_path


@pytest.mark.parametrize(
    ("epoch", "loss", "suffix", "end"),
    [
        (12, 0.426, ".pth", "_12_0.43.pth"),
        (0, 3, "pt", "_0_3.00.pt"),
        (1, np.float32(1.005), ".onnx", "_1_1.00.onnx"),
        (np.int64(7), np.array([0.5]), ".pth", "_7_0.50.pth"),
        (1, float("nan"), ".pth", "_1_nan.pth"),
        (1, 0.1, ".tar.gz", "_1_0.10.tar.gz"),
    ],
)
def test_epoch_loss_and_extension(
    tmp_path: Path, epoch: Any, loss: Any, suffix: str, end: str
) -> None:
    assert model_path(str(tmp_path), epoch, loss, suffix).endswith(end)


@pytest.mark.parametrize("loss", [None, "0.5", [1, 2]])
def test_a_loss_that_is_no_number(tmp_path: Path, loss: Any) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        model_path(tmp_path, 1, loss)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        model_path(tmp_path / "file", 1, 0.1)
