"""What can be read in the folders of instances: their logs, and how delivery goes."""

from __future__ import annotations

import threading
from pathlib import Path

from dubhe_simulator.platform.delivery import Delivery
from dubhe_simulator.platform.managed.log_index import LogFile
from dubhe_simulator.platform.state.change_feed import Changes
from dubhe_simulator.platform.state.records import Account


class Places:
    """One instance's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log_path = folder / "log" / "dubhe.log"
        self.log = LogFile(self.log_path)
        self.lines = -1  # told last
        self.asked_after_end = False
        self.delivery = Delivery(folder / "spool")

    @property
    def has_log(self) -> bool:
        """Whether there is a log."""
        return self.log_path.exists()


class Folders:
    """Opens them as they are asked for, and looks at those while a page is open.

    Args:
        changes: is told what changed, and tells whether anybody watches.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._places: dict[str, Places] = {}
        self._lock = threading.Lock()

    def of(self, account: Account) -> Places | None:
        """Return what can be read in an instance's folder; None if the folder is not known."""
        if account.known.folder is None:
            return None
        with self._lock:
            places = self._places.get(account.id)
            if places is None or str(places.folder) != account.known.folder:
                places = self._places[account.id] = Places(Path(account.known.folder))
            return places

    def forget(self, name: str) -> None:
        """Let go of an instance's folder."""
        with self._lock:
            self._places.pop(name, None)

    def look(self, account: Account, alive: bool) -> None:
        """Refresh log and delivery of what is alive, while somebody watches."""
        places = self.of(account) if alive or account.id in self._places else None
        if places is None:
            return
        watched = self._changes.watched
        if watched and places.has_log:
            total = places.log.total()
            if total != places.lines:
                places.lines = total
                self._changes.touch("log", account.id)
        delivery = places.delivery
        if (alive and watched) or (delivery.view is not None and not delivery.settled):
            if delivery.refresh():
                self._changes.touch("instance", account.id)
        elif watched and not alive and not places.asked_after_end:
            places.asked_after_end = True
            if delivery.refresh(force=True):
                self._changes.touch("instance", account.id)
