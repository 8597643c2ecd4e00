"""The thread that samples, and how often.

A reader may be slow: psutil looks through all of ``/proc``, ``npu-smi`` takes a second. Each has a
pace of its own, so that all of them together take at most `SHARE` of a processor.
"""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sidecar.system.ascend import AscendReader
from dubhe_sidecar.system.nvidia import NvidiaReader
from dubhe_sidecar.system.processes import ProcessReader
from dubhe_sidecar.system.reader import Figures, Reader, ReaderFailed
from dubhe_sidecar.system.sample_file import SampleFile

SHARE = 0.0003  # of a processor, for each of the three readers
_NVIDIA_DEVICE = Path("/dev/nvidiactl")
_RETRY_SECONDS = 60.0

log = logging.getLogger("dubhe_sidecar")


class Sampler:
    """Samples with every reader that works here.

    Args:
        interval: seconds between two samples.
        file: takes them.
        root: PID of the process above all of the instance's.
    """

    def __init__(self, interval: float, file: SampleFile, root: int) -> None:
        self._interval = interval
        self._file = file
        self._root = root
        self._logged: set[str] = set()

    def run(self) -> None:
        """Sample for ever."""
        made = [self._open(lambda: ProcessReader(self._root), "psutil")]
        if _NVIDIA_DEVICE.exists():
            made.append(self._open(NvidiaReader, "nvidia-ml-py"))
        made.append(self._open(AscendReader, "npu-smi"))
        paced = [PacedReader(reader, self._interval) for reader in made if reader is not None]
        while paced:
            begun = time.monotonic()
            self.sample(paced)
            time.sleep(max(0.0, self._interval - (time.monotonic() - begun)))

    def sample(self, readers: list[PacedReader]) -> None:
        """Take a sample with those whose turn it is."""
        sample: Figures = {}
        for reader in readers:
            try:
                for name, figure in reader.read_if_due().items():
                    # Both kinds of accelerators may be there.
                    sample[name] = sample[name] + figure if name in sample else figure
            except ReaderFailed as error:
                self._log_once(str(error))
            except Exception as error:  # noqa: BLE001 - of a driver or library; it is logged
                self._log_once(f"{reader.name}: {error!r}")
        if not sample:
            return
        try:
            self._file.append({"at": time.time_ns() // 1_000_000, **sample})
        except OSError as error:
            self._log_once(str(error))

    def _open(self, make: Callable[[], Reader], package: str) -> Reader | None:
        try:
            return make()
        except ImportError:
            log.info(
                "no system metrics by %s, which is not installed: pip install %s", package, package
            )
        except ReaderFailed as error:
            if str(error):
                self._log_once(str(error))
        except Exception as error:  # noqa: BLE001 - of a driver or library; it is logged
            self._log_once(f"{package}: {error!r}")
        return None

    def _log_once(self, text: str) -> None:
        if text not in self._logged and len(self._logged) < 20:
            self._logged.add(text)
            log.warning("system metrics: %s", text)


class PacedReader:
    """Reads as seldom as keeps it below `SHARE` of a processor, its child processes included.

    At the beginning pauses are shorter, a quarter of the time since then: a short task has samples
    too.

    Args:
        reader: what reads.
        interval: seconds between two calls at least.
        clock: monotonic seconds.
        processor: seconds of processor time so far.
    """

    def __init__(
        self,
        reader: Reader,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] | None = None,
    ) -> None:
        self._reader = reader
        self._interval = interval
        self._clock = clock
        self._processor = processor or _processor_seconds
        self._began = clock()
        self._due = float("-inf")
        self.name = reader.name

    def read_if_due(self) -> Figures:
        """Return the reader's figures, or none if it is not its turn.

        Raises:
            ReaderFailed: as the reader; it is tried again a minute later.
        """
        begun = self._clock()
        if begun < self._due:
            return {}
        used = self._processor()
        self._due = begun + max(self._interval, _RETRY_SECONDS)
        figures = self._reader.read()
        pause = min((self._processor() - used) / SHARE, (begun - self._began) / 4)
        pause = max(self._interval, pause)
        # A little early: the thread wakes at its own interval, and must not miss the turn.
        self._due = begun + pause - self._interval / 2
        return figures


def _processor_seconds() -> float:
    """Of this thread, and of child processes that were waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.thread_time() + children.ru_utime + children.ru_stime
