"""NVIDIA's GPUs, by NVML (package nvidia-ml-py, module pynvml)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from dubhe_sidecar.system.reader import Figures, ReaderFailed


class NvidiaReader:
    """Reads all GPUs that this process can see: in a container those it was given.

    Raises:
        ImportError: nvidia-ml-py is not installed.
        ReaderFailed: NVML does not work; empty text: there is no driver.
    """

    name = "NVIDIA GPUs"

    def __init__(self) -> None:
        import pynvml

        self._nvml = pynvml
        self._devices: list[tuple[str, Any]] = []
        self._open()

    def _open(self) -> None:
        nvml = self._nvml
        try:
            nvml.nvmlInit()
            self._devices = []
            for number in range(nvml.nvmlDeviceGetCount()):
                handle = nvml.nvmlDeviceGetHandleByIndex(number)
                name = nvml.nvmlDeviceGetName(handle)
                text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
                self._devices.append((f"{text} {number}", handle))
        except nvml.NVMLError as error:
            absent = error.value in (
                nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED
            )  # fmt: skip
            raise ReaderFailed("" if absent else f"NVML: {error}") from None

    def read(self) -> Figures:
        """Return the figures of each GPU.

        Raises:
            ReaderFailed: NVML tells nothing of any of them; it is opened again at the next call.
        """
        if not self._devices:
            self._open()
        devices = [{"name": name, **self._figures(handle)} for name, handle in self._devices]
        if devices and not any(len(device) > 1 for device in devices):
            self._devices = []
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            raise ReaderFailed("NVML answers no question about any GPU")
        return {"devices": devices}

    def _figures(self, handle: Any) -> Figures:
        nvml = self._nvml
        found: Figures = {}

        def add(read: Callable[[], Figures]) -> None:
            # A board that lacks a sensor, or fell off the bus, still has the other figures.
            with contextlib.suppress(nvml.NVMLError):
                found.update(read())

        def memory() -> Figures:
            of = nvml.nvmlDeviceGetMemoryInfo(handle)
            return {"memory": int(of.used), "memory_total": int(of.total)}

        sensor = nvml.NVML_TEMPERATURE_GPU
        add(lambda: {"use": int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)})
        add(memory)
        add(lambda: {"temperature": int(nvml.nvmlDeviceGetTemperature(handle, sensor))})
        add(lambda: {"power": nvml.nvmlDeviceGetPowerUsage(handle) / 1000})
        return found
