"""What can be read in the folders of instances: their logs, and how delivery goes."""

from __future__ import annotations

import threading
from pathlib import Path

from dubhe_simulator.instances.spool_status import DeliveryStatus
from dubhe_simulator.platform.managed.logs.formats import ConsoleFormat, SdkFormat
from dubhe_simulator.platform.managed.logs.index import BACKUPS, LogFile
from dubhe_simulator.platform.managed.logs.search import LogSearch
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.records import InstanceRecord

LOGS = ("log", "console")
"""The SDK's log, and what the algorithm wrote to its console."""


class InstanceFiles:
    """One instance's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = {
            "log": LogFile(folder / "log" / "dubhe.log", SdkFormat(), BACKUPS),
            "console": LogFile(folder / "console.log", ConsoleFormat()),
        }
        self.searches = {name: LogSearch(log) for name, log in self.logs.items()}
        self.versions: list[tuple[int, int] | None] = []  # of the logs, published last
        self.asked_after_end = False
        self.delivery = DeliveryStatus(folder / "spool")
        self.samples = folder / "system" / "samples.jsonl"

    @property
    def log_names(self) -> list[str]:
        """Which of `LOGS` there are."""
        return [
            name for name, found in zip(LOGS, self.log_versions(), strict=True) if found is not None
        ]

    def log_versions(self) -> list[tuple[int, int] | None]:
        """Return inode and size of each of `LOGS`; None if it does not exist."""
        return [_version(self.logs[name].path) for name in LOGS]


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # it does not exist, or nobody may look
    return found.st_ino, found.st_size


class FileWatcher:
    """Opens them as they are asked for, and looks at those while a page is open.

    Args:
        changes: publishes what changed; has whether a page is open.
    """

    def __init__(self, changes: ChangeFeed) -> None:
        self._changes = changes
        self._files: dict[str, InstanceFiles] = {}
        self._lock = threading.Lock()

    def of(self, record: InstanceRecord) -> InstanceFiles | None:
        """Return what can be read in an instance's folder; None if the folder is not known."""
        if record.managed.folder is None:
            return None
        with self._lock:
            files = self._files.get(record.id)
            if files is None or str(files.folder) != record.managed.folder:
                files = self._files[record.id] = InstanceFiles(Path(record.managed.folder))
            return files

    def forget(self, name: str) -> None:
        """Let go of an instance's folder."""
        with self._lock:
            self._files.pop(name, None)

    def is_due(self, record: InstanceRecord, watched: bool) -> bool:
        """Return whether `poll` has anything to do for an instance; this costs next to nothing.

        Args:
            record: the instance.
            watched: whether somebody watches.
        """
        if watched:
            return True
        files = self._files.get(record.id)
        return files is not None and files.delivery.view is not None and not files.delivery.settled

    def poll(self, record: InstanceRecord, alive: bool) -> None:
        """Refresh log and delivery of what is alive, while somebody watches."""
        files = self.of(record) if alive or record.id in self._files else None
        if files is None:
            return
        watched = self._changes.watched
        if watched and (versions := files.log_versions()) != files.versions:
            seen = [version is not None for version in versions]
            if seen != [version is not None for version in files.versions]:
                self._changes.publish("instance", record.id)  # it has one more
            files.versions = versions
            self._changes.publish("log", record.id)
        delivery = files.delivery
        if (alive and watched) or (delivery.view is not None and not delivery.settled):
            if delivery.refresh():
                self._changes.publish("instance", record.id)
        elif watched and not alive and not files.asked_after_end:
            files.asked_after_end = True
            if delivery.refresh(force=True):
                self._changes.publish("instance", record.id)
