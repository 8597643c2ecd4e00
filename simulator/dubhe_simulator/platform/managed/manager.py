"""The instances that the platform started, or was given the address of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.client import NoAnswer
from dubhe_simulator.client.address import Address, name_of
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.i18n.core import say
from dubhe_simulator.platform.managed.factory import Workshop
from dubhe_simulator.platform.managed.instance import Managed
from dubhe_simulator.platform.refused import Refused
from dubhe_simulator.platform.state.records import Account
from dubhe_simulator.platform.state.registry import Book, now_ms


class Fleet:
    """Starts and stops, attaches and lets go.

    Args:
        book: the account.
        workshop: makes instances.
        follow: is told the folder of each, to read its journal.
    """

    def __init__(self, book: Book, workshop: Workshop, follow: Callable[[Path], None]) -> None:
        self._book = book
        self._workshop = workshop
        self._follow = follow
        self._managed: dict[str, Managed] = {}
        self._lock = threading.Lock()
        self._closing = False

    def close(self) -> None:
        """End what was started here; start nothing more."""
        self._closing = True
        stops = [threading.Thread(target=each.stop, args=(self._book,)) for each in self._all()]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def start(self, kind: TaskKind, model: Path | None, params: Mapping[str, Any] | None) -> str:
        """Start an instance; return its id.

        Raises:
            Refused: it cannot be started.
        """
        if self._closing:
            raise Refused(say("ui_closing"))
        if kind is not TaskKind.TRAIN and model is None:
            model = self._workshop.newest()
            if model is None:
                raise Refused(say("ui_no_model"))
        self._make_room(kind)
        process = self._workshop.make(kind, model, params)
        try:
            process.__enter__()
        except (OSError, TaskFailed) as error:
            raise Refused(say("ui_not_started", error=error)) from error
        address = Address(process.protocol, *process.address)

        def change(account: Account) -> None:
            known = account.known
            known.owned, known.life, known.created_ms = True, self._book.life, now_ms()
            known.protocol, known.address = address.protocol, address.text
            known.folder = str(process.folder) if process.folder is not None else None
            known.model = str(model) if model else None

        self._book.enter(process.id, change)
        with self._lock:
            self._managed[process.id] = Managed(process.id, address, process)
        if process.folder is not None:
            self._follow(process.folder)
        return process.id

    def _make_room(self, kind: TaskKind) -> None:
        """End an idle instance, where one of a kind has to end before the next can start.

        Raises:
            Refused: it is busy.
        """
        if not self._workshop.one_each:
            return
        for each in self._all():
            if each.process is None or each.process.kind is not kind or each.gone:
                continue
            said = self._book.instances[each.name].said
            if said.open_run is not None or not (said.ready or said.end):
                raise Refused(say("ui_host_busy", instance=each.name))
            each.stop(self._book)

    def stop(self, name: str) -> None:
        """End an instance that was started here, and wait for its end.

        Raises:
            Refused: it is not ours.
        """
        managed = self.find(name)
        if managed is None or managed.process is None:
            raise Refused(
                say("ui_not_ours", instance=name), 409 if name in self._book.instances else 404
            )
        managed.stop(self._book)

    def attach(self, address: Address, name: str | None, folder: Path | None) -> str:
        """Attach to a running instance; return its id.

        Args:
            address: where it serves.
            name: its id; None to ask it. If it is not up yet, a name stands in for it until then.
            folder: with its log, spool and journal, if they can be read from here.

        Raises:
            Refused: the folder does not exist, or the instance was started here.
        """
        if folder is not None and not folder.is_dir():
            raise Refused(say("ui_no_folder", folder=folder), 400)
        if name is None:
            try:
                name = name_of(address)
            except NoAnswer:
                name = None  # not up yet: the heart will tell
        known_as = name or f"{address.protocol}-{address.host}-unknown-{address.port}"

        def change(account: Account) -> None:
            known = account.known
            known.protocol, known.address = address.protocol, address.text
            known.created_ms = known.created_ms or now_ms()
            known.owned = False
            if folder is not None:
                known.folder = str(folder.absolute())

        with self._lock:
            former = self._managed.get(known_as)
            if former is not None and former.process is not None and not former.gone:
                raise Refused(say("ui_is_ours", instance=known_as))
            if former is not None:
                former.forget()
            self._managed[known_as] = Managed(known_as, address, None, nameless=name is None)
        self._book.enter(known_as, change)
        if folder is not None:
            self._follow(folder.absolute())
        return known_as

    def let_go(self, name: str) -> None:
        """Have nothing more to do with an instance.

        Raises:
            Refused: it was started here, and runs.
        """
        with self._lock:
            managed = self._managed.get(name)
            if managed is not None and managed.process is not None and not managed.gone:
                raise Refused(say("ui_runs", instance=name))
            self._managed.pop(name, None)
        if managed is not None:
            managed.forget()

    def fitting(self, kind: TaskKind, model: Path | None) -> str | None:
        """Return an instance of ours that waits for a request of this kind with this model."""
        with self._book.lock:
            for managed in self._all():
                account = self._book.instances.get(managed.name)
                if account is None or managed.process is None or managed.gone:
                    continue
                same = kind is TaskKind.TRAIN or account.known.model == str(model)
                said = account.said
                waits = said.ready and said.open_run is None and account.alive is not False
                if account.kind is kind and same and waits and not account.known.stopped:
                    return managed.name
        return None

    def find(self, name: str) -> Managed | None:
        """Return an instance that was started here or attached."""
        with self._lock:
            return self._managed.get(name)

    def look(self) -> None:
        """Note what became of each since the last look."""
        for each in self._all():
            each.look(self._book)
            if each.learnt is not None:
                self._name(each, each.learnt)

    def _name(self, managed: Managed, name: str) -> None:
        """One that had no name yet has told it."""
        account = self._book.instances.get(managed.name)
        self.let_go(managed.name)
        self._book.forget(managed.name)
        known = self.find(name)
        if known is None or known.gone:
            folder = account.known.folder if account is not None else None
            self.attach(managed.address, name, Path(folder) if folder else None)

    def _all(self) -> list[Managed]:
        with self._lock:
            return list(self._managed.values())
