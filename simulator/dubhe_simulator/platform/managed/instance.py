"""One instance that the platform started or was given the address of: process and heart."""

from __future__ import annotations

import threading

from dubhe_simulator.client.address import Address, name_in
from dubhe_simulator.client.heartbeat import Heart
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.instances.base import Ending, Running
from dubhe_simulator.platform.state.records import Account
from dubhe_simulator.platform.state.registry import Book


class Managed:
    """One instance that is asked for heartbeats; one that we started ends with us.

    Args:
        name: its id.
        address: where it serves.
        process: if the platform started it.
        nameless: ``name`` only stands in for its id, which it did not tell yet.
    """

    def __init__(
        self, name: str, address: Address, process: Running | None, *, nameless: bool = False
    ) -> None:
        self.name = name
        self.learnt: str | None = None
        """Its id, once a nameless one has told it."""
        self._nameless = nameless
        self.address = address
        self.process = process
        self._heart: Heart | None = None
        self._ended: Ending | None = None
        self._asking = threading.Lock()  # one thread at a time asks the process for its end

    def look(self, book: Book) -> None:
        """Note what became of it since the last look."""
        if not self._asking.acquire(blocking=False):
            return  # it is being stopped, which is noted there
        try:
            self._look_for_end(book)
        finally:
            self._asking.release()
        if self._ended is not None:
            return
        account = book.instances.get(self.name)
        # One that we started listens when it says READY; before, silence means nothing.
        if self._heart is None and account and (self.process is None or account.said.ready):
            self._heart = Heart(self.address.client(), self.name)
            self._heart.start()
        if self._heart is not None:
            self._heart.report(lambda alive, why: self._note_heart(book, alive, why))
            if self._heart.sent and account is not None and account.alive is None:
                self._note_heart(book, self._heart.lost == 0, "")

    def stop(self, book: Book) -> None:
        """End it, if it is ours, and wait for its end."""
        self.forget()
        with self._asking:
            if self.process is not None and self._ended is None:
                book.note(self.name, lambda account: setattr(account.known, "stopped", True))
                self._note_end(book, self.process.stop())

    def forget(self) -> None:
        """Send no more heartbeats."""
        if self._heart is not None:
            self._heart.stop()

    @property
    def gone(self) -> bool:
        """Whether its process has ended."""
        return self._ended is not None

    def _look_for_end(self, book: Book) -> None:
        if self.process is None or self._ended is not None:
            return
        try:
            ending = self.process.ended()
        except TaskFailed as failure:  # its host is gone, or refused to start it
            self._note_end(book, Ending(1), str(failure))
        else:
            if ending is not None:
                self._note_end(book, ending)

    def _note_heart(self, book: Book, alive: bool, why: str) -> None:
        if self._nameless:
            self.learnt = name_in(why)

        def change(account: Account) -> None:
            account.alive, account.silence = alive, why

        book.note(self.name, change)

    def _note_end(self, book: Book, ending: Ending, lost: str = "") -> None:
        def change(account: Account) -> None:
            if lost:
                account.known.lost = lost
            else:
                account.known.exit_status = ending.status

        self.forget()
        self._ended = ending
        if self.process is not None:
            self.process.__exit__(None, None, None)  # lets go of the connection to a host
        book.note(self.name, change)
