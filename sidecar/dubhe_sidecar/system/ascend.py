"""Ascend NPUs, by the table that ``npu-smi info`` prints.

There is no Python interface that comes with every driver. The table has two rows for each chip:
number, name, health, power and temperature; then the chip, its bus id, use and memory. Versions
differ in widths and in whether the second row has the columns of a device number and of HBM.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

from dubhe_sdk.process.readable import wait_readable
from dubhe_sidecar.system.reader import Figures, ReaderFailed

COMMAND = "npu-smi"
TIMEOUT_SECONDS = 20.0
_MOST_BYTES = 256 * 1024
_FOLDERS = os.pathsep.join(("/usr/local/sbin", "/usr/local/bin", "/usr/local/Ascend/driver/tools"))
_BUS_ID = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f]")
_PAIR = re.compile(r"(\d+)\s*/\s*(\d+)")
_MB = 1024 * 1024


class AscendReader:
    """Runs ``npu-smi info``; never a second one beside one that hangs.

    Raises:
        ReaderFailed: the command is not there (empty text).
    """

    name = "Ascend NPUs"

    def __init__(self) -> None:
        path = os.pathsep.join((os.environ.get("PATH", ""), _FOLDERS))
        command = shutil.which(COMMAND, path=path)
        if command is None:
            raise ReaderFailed("")
        self._command = [command, "info"]
        self._hanging: subprocess.Popen[bytes] | None = None

    def read(self) -> Figures:
        """Return the figures of each chip.

        Raises:
            ReaderFailed: the command fails, hangs, or prints something else.
        """
        if self._hanging is not None and self._hanging.poll() is None:
            raise ReaderFailed(f"{COMMAND} cannot be ended: it waits in the driver")
        self._hanging = None
        return {"devices": parse(self._run())}

    def _run(self) -> str:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise ReaderFailed(f"{COMMAND} cannot be started: {error}") from None
        assert process.stdout is not None
        with process.stdout:
            try:
                text = _read(process.stdout.fileno())
            except ReaderFailed:
                self._end(process)
                raise
        try:
            status = process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._end(process)
            raise ReaderFailed(f"{COMMAND} does not end") from None
        if status:
            raise ReaderFailed(f"{COMMAND} failed with status {status}: {_first_line(text)}")
        return text

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._hanging = process


def _read(fd: int) -> str:
    """Return what comes until the end; bounded in time and size."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    found = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not wait_readable([fd], left):
            raise ReaderFailed(f"{COMMAND} took more than {TIMEOUT_SECONDS:g} s")
        chunk = os.read(fd, 65536)
        if not chunk:
            return found.decode("utf-8", "replace")
        found += chunk
        if len(found) > _MOST_BYTES:
            raise ReaderFailed(f"{COMMAND} printed more than {_MOST_BYTES} bytes")


def parse(text: str) -> list[Figures]:
    """Return the chips in a table of ``npu-smi info``.

    Args:
        text: what the command printed.

    Raises:
        ReaderFailed: it is no such table.
    """
    if "AICore(%)" not in text:
        raise ReaderFailed(f"{COMMAND} printed an unknown table: {_first_line(text)}")
    devices: list[Figures] = []
    board: list[str] | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3:
            continue
        if _BUS_ID.search(cells[1]) is None:
            board = cells if re.match(r"\d+\s+\S", cells[0]) else None
        elif board is not None:
            devices.append(_device(board, cells))
            board = None
    return devices


def _device(board: list[str], chip: list[str]) -> Figures:
    number, _, name = board[0].partition(" ")
    place = chip[0].split()[0] if chip[0] else "0"
    found: Figures = {"name": f"{name.strip()} {number}.{place}"}
    power, temperature = [*board[2].split(), "", ""][:2]
    found |= _number("power", power) | _number("temperature", temperature)
    found |= _number("use", chip[2].split()[0] if chip[2] else "")
    pairs = [(int(used), int(total)) for used, total in _PAIR.findall(chip[2])]
    # HBM is the last of the pairs; boards without it have one pair.
    if pairs and pairs[-1][1]:
        found["memory"], found["memory_total"] = pairs[-1][0] * _MB, pairs[-1][1] * _MB
    return found


def _number(name: str, text: str) -> Figures:
    """Return a figure, unless the table has ``-`` or ``NA`` in its place."""
    try:
        return {name: float(text)}
    except ValueError:
        return {}


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip(" +-=")]
    return repr(lines[0][:120]) if lines else "nothing"
