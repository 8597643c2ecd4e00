"""NVIDIA's GPUs. There is none here: nvidia-ml-py is real, the functions of its library are not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from dubhe_sidecar.system.nvidia import NvidiaReader
from dubhe_sidecar.system.reader import ReaderFailed

GIB = 2**30


class Library:
    """Two GPUs; a function that is in `broken` fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken: dict[str, int] = {}
        self.begun = 0
        memory = SimpleNamespace(used=3 * GIB, total=24 * GIB)
        answers = {
            "nvmlInit": self.begin,
            "nvmlShutdown": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda number: number,
            "nvmlDeviceGetName": lambda handle: "NVIDIA A10",
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=40 + handle),
            "nvmlDeviceGetMemoryInfo": lambda handle: memory,
            "nvmlDeviceGetTemperature": lambda handle, sensor: 61,
            "nvmlDeviceGetPowerUsage": lambda handle: 151_250,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, self.called(name, answer))

    def begin(self) -> None:
        self.begun += 1

    def called(self, name: str, answer: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if name in self.broken:
                raise pynvml.NVMLError(self.broken[name])
            return answer(*arguments)

        return call


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    return Library(monkeypatch)


def test_each_gpu_has_its_figures(library: Library) -> None:
    figures = {
        "memory": 3 * GIB,
        "memory_total": 24 * GIB,
        "temperature": 61,
        "power": 151.25,
    }
    assert NvidiaReader().read() == {
        "devices": [
            {"name": "NVIDIA A10 0", "use": 40, **figures},
            {"name": "NVIDIA A10 1", "use": 41, **figures},
        ]
    }


def test_a_board_without_a_sensor_has_the_other_figures(library: Library) -> None:
    library.broken["nvmlDeviceGetPowerUsage"] = pynvml.NVML_ERROR_NOT_SUPPORTED
    [first, _] = NvidiaReader().read()["devices"]
    assert "power" not in first and first["use"] == 40


def test_a_driver_that_stops_answering_is_told_and_opened_again(library: Library) -> None:
    reader = NvidiaReader()
    questions = ("UtilizationRates", "MemoryInfo", "Temperature", "PowerUsage")
    library.broken = {f"nvmlDeviceGet{n}": pynvml.NVML_ERROR_GPU_IS_LOST for n in questions}
    with pytest.raises(ReaderFailed, match="answers no question"):
        reader.read()
    library.broken = {}
    assert len(reader.read()["devices"]) == 2
    assert library.begun == 2


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, ""),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, ""),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "NVML: .*[Mm]ismatch"),
    ],
)
def test_without_a_driver_there_is_nothing_to_tell(library: Library, code: int, told: str) -> None:
    library.broken["nvmlInit"] = code
    with pytest.raises(ReaderFailed, match=f"^{told}"):
        NvidiaReader()
