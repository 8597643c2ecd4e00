"""What can be read in the folders of instances: their logs, and how delivery goes."""

from __future__ import annotations

import threading
from pathlib import Path

from dubhe_simulator.instances.spool_status import DeliveryStatus
from dubhe_simulator.platform.managed.log_index import LogFile
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.records import InstanceRecord


class InstanceFiles:
    """One instance's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log_path = folder / "log" / "dubhe.log"
        self.log = LogFile(self.log_path)
        self.lines = -1  # published last
        self.asked_after_end = False
        self.delivery = DeliveryStatus(folder / "spool")
        self.samples = folder / "system" / "samples.jsonl"

    @property
    def has_log(self) -> bool:
        """Whether there is a log."""
        try:
            return self.log_path.exists()
        except OSError:
            return False  # nobody may look


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

    def poll(self, record: InstanceRecord, alive: bool) -> None:
        """Refresh log and delivery of what is alive, while somebody watches."""
        files = self.of(record) if alive or record.id in self._files else None
        if files is None:
            return
        watched = self._changes.watched
        if watched and files.has_log:
            total = files.log.total()
            if total != files.lines:
                files.lines = total
                self._changes.publish("log", record.id)
        delivery = files.delivery
        if (alive and watched) or (delivery.view is not None and not delivery.settled):
            if delivery.refresh():
                self._changes.publish("instance", record.id)
        elif watched and not alive and not files.asked_after_end:
            files.asked_after_end = True
            if delivery.refresh(force=True):
                self._changes.publish("instance", record.id)
