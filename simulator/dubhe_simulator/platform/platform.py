"""The local platform: one object that the web application and the commands talk to."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dubhe_sdk.kind import TaskKind
from dubhe_simulator.client import NoAnswer
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.platform.account import Account
from dubhe_simulator.platform.book import Book, now_ms
from dubhe_simulator.platform.changes import Changes
from dubhe_simulator.platform.clients import Address, ask, is_request, name_of, parse_address
from dubhe_simulator.platform.flow import Flow
from dubhe_simulator.platform.images import Images
from dubhe_simulator.platform.ingest import Ingest
from dubhe_simulator.platform.journals import Journals
from dubhe_simulator.platform.managed import Managed, Places
from dubhe_simulator.platform.options import Options
from dubhe_simulator.platform.refused import Refused
from dubhe_simulator.platform.store import Store
from dubhe_simulator.platform.views import instance_view, run_view
from dubhe_simulator.platform.workshop import Workshop
from dubhe_simulator.words import say

LOOK_EVERY_S = 0.3


class _Source(Protocol):
    name: str
    error: str | None

    def start(self) -> None: ...
    def close(self) -> None: ...


class Platform:
    """Starts with `start`; `close` ends every instance that it started.

    Args:
        options: how to run.

    Raises:
        CannotPlay: its file cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        options.runs.mkdir(parents=True, exist_ok=True)
        self.life = secrets.token_hex(4)
        self.store = Store(options.runs)
        self.changes = Changes()
        self.book = Book(self.store, self.changes, self.life)
        self.ingest = Ingest(self.book, self.store)
        self.workshop = Workshop(options)
        self.images = Images(_image_folders(options), self.store)
        self.flow = Flow(self)
        self.closing = False
        self._managed: dict[str, Managed] = {}
        self._places: dict[str, Places] = {}
        self._lock = threading.Lock()  # of the two dicts
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._told_source: dict[str, Any] | None = None
        positions = dict(self.store.rows("SELECT source, position FROM positions"))
        self.journals: Journals | None = None
        self.source: _Source = self._open_source(positions, self.ingest.put)

    def _open_source(self, positions: Mapping[str, str], put: Any) -> _Source:
        if self.options.brokers is None:
            self.journals = Journals(self.options.runs, positions, put)
            return self.journals
        # Only a platform with brokers needs the package.
        from dubhe_simulator.platform.kafka import KafkaFollower

        return KafkaFollower(self.options.brokers, self.options.topics, positions, put)

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to read, and attach to what was named."""
        self.ingest.prepare()
        self.ingest.start()
        if self.journals is not None:
            for account in list(self.book.instances.values()):
                if account.known.folder is not None:
                    self.journals.follow(Path(account.known.folder))
        self.source.start()
        self._watcher.start()
        for address in self.options.attach:
            self.attach(address, None, None)

    def close(self) -> None:
        """End the instances that were started here, take in their last words, and end."""
        self.closing = True
        self.changes.close()
        with self.book.changed:
            self.book.changed.notify_all()
        with self._lock:
            managed = list(self._managed.values())
        stops = [threading.Thread(target=each.stop, args=(self.book,)) for each in managed]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        self._end.set()
        self.source.close()
        self.ingest.close()
        self.store.close()

    # ------------------------------------------------------------------ deeds

    def start_instance(
        self, kind: TaskKind, model: Path | None, params: Mapping[str, Any] | None
    ) -> str:
        """Start an instance; return its id.

        Raises:
            Refused: it cannot be started.
        """
        if self.closing:
            raise Refused(say("ui_closing"))
        if kind is not TaskKind.TRAIN and model is None:
            model = self.workshop.newest()
            if model is None:
                raise Refused(say("ui_no_model"))
        self._make_room(kind)
        process = self.workshop.make(kind, model, params)
        try:
            process.__enter__()
        except (OSError, TaskFailed) as error:
            raise Refused(say("ui_not_started", error=error)) from error
        address = Address(process.protocol, *process.address)

        def change(account: Account) -> None:
            known = account.known
            known.owned, known.life, known.created_ms = True, self.life, now_ms()
            known.protocol, known.address = address.protocol, address.text
            known.folder = str(process.folder) if process.folder is not None else None
            known.model = str(model) if model else None

        self.book.note(process.id, change)
        with self._lock:
            self._managed[process.id] = Managed(process.id, address, process)
        if self.journals is not None and process.folder is not None:
            self.journals.follow(process.folder)
        return process.id

    def _make_room(self, kind: TaskKind) -> None:
        """End an idle instance, where one of a kind has to end before the next can start.

        Raises:
            Refused: it is busy.
        """
        site = self.options.site
        if site is None or not site.one_each:
            return
        with self._lock:
            managed = list(self._managed.values())
        for each in managed:
            if each.process is None or each.process.kind is not kind or each.gone:
                continue
            said = self.find(each.name).said
            if said.open_run is not None or not (said.ready or said.end):
                raise Refused(say("ui_host_busy", instance=each.name))
            each.stop(self.book)

    def stop_instance(self, name: str) -> None:
        """End an instance that was started here, and wait for its end.

        Raises:
            Refused: it is not ours.
        """
        with self._lock:
            managed = self._managed.get(name)
        if managed is None or managed.process is None:
            raise Refused(
                say("ui_not_ours", instance=name), 409 if name in self.book.instances else 404
            )
        managed.stop(self.book)

    def forget_instance(self, name: str) -> None:
        """Delete what is kept of an instance; one that we are attached to is let go.

        Raises:
            Refused: there is none, or it is ours and runs.
        """
        self.find(name)
        with self._lock:
            managed = self._managed.get(name)
            if managed is not None and managed.process is not None and not managed.gone:
                raise Refused(say("ui_runs", instance=name))
            self._managed.pop(name, None)
            self._places.pop(name, None)
        if managed is not None:
            managed.forget()
        self.book.forget(name)
        self.ingest.settle()

    def attach(self, address: Address, name: str | None, folder: Path | None) -> str:
        """Attach to a running instance; return its id.

        Args:
            address: where it serves.
            name: its id; None to ask it.
            folder: with its log, spool and journal, if they can be read from here.

        Raises:
            Refused: the folder does not exist.
        """
        if folder is not None and not folder.is_dir():
            raise Refused(say("ui_no_folder", folder=folder), 400)
        if name is None:
            try:
                name = name_of(address)
            except NoAnswer:
                name = None  # not up yet: the heart will tell
            name = name or f"{address.protocol}-{address.host}-unknown-{address.port}"

        def change(account: Account) -> None:
            known = account.known
            known.protocol, known.address = address.protocol, address.text
            known.created_ms = known.created_ms or now_ms()
            known.owned = False
            if folder is not None:
                known.folder = str(folder.absolute())

        self.book.note(name, change)
        with self._lock:
            former = self._managed.get(name)
            if former is not None and former.process is not None and not former.gone:
                raise Refused(say("ui_is_ours", instance=name))
            if former is not None:
                former.forget()
            self._managed[name] = Managed(name, address, None)
            self._places.pop(name, None)
        if folder is not None and self.journals is not None:
            self.journals.follow(folder.absolute())
        return name

    def send(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request to an instance and wait for the reply.

        Raises:
            Refused: there is no such instance, its address is unknown, or it is no request.
        """
        account = self.find(name)
        known = account.known
        if known.address is None or known.protocol is None:
            raise Refused(say("ui_no_address", instance=name))
        if not is_request(body):
            raise Refused(say("ui_no_request", found=body.get("req_type")), 400)
        at_ms = now_ms()
        if body["req_type"] in (1, 2):
            self.book.note(name, _forget_end)
        answer = ask(parse_address(known.address, known.protocol), body)
        number, run = self.book.sent(name, at_ms, body, answer.reply, answer.error, answer.ms)
        found = {"id": number, "reply": answer.reply, "error": answer.error, "ms": answer.ms}
        return {**found, "run": run}

    def fitting(self, kind: TaskKind, model: Path | None) -> str | None:
        """Return an instance of ours that waits for a request of this kind with this model."""
        with self._lock, self.book.lock:
            for name, managed in self._managed.items():
                account = self.book.account(name)
                same = kind is TaskKind.TRAIN or account.known.model == str(model)
                if (
                    managed.process is not None and not managed.gone and account.kind is kind
                    and same and account.said.ready and account.said.open_run is None
                    and not account.known.stopped and account.alive is not False
                ):  # fmt: skip
                    return name
        return None

    # ------------------------------------------------------------------ questions

    def find(self, name: str) -> Account:
        """Return an instance's account.

        Raises:
            Refused: there is none.
        """
        account = self.book.instances.get(name)
        if account is None:
            raise Refused(say("ui_no_instance", instance=name), 404)
        return account

    def runs_of(self, name: str) -> int:
        """Return how many runs an instance had."""
        return self.find(name).said.runs

    @property
    def models_folder(self) -> Path | None:
        """Where the algorithm saves models."""
        return self.options.site.models if self.options.site else None

    def places(self, account: Account) -> Places | None:
        """Return what can be read in an instance's folder; None if the folder is not known."""
        if account.known.folder is None:
            return None
        with self._lock:
            places = self._places.get(account.id)
            if places is None or str(places.folder) != account.known.folder:
                places = self._places[account.id] = Places(Path(account.known.folder))
            return places

    def source_view(self) -> dict[str, Any]:
        """Return how reading messages goes."""
        error = self.ingest.trouble or self.source.error
        return {"name": self.source.name, "ok": error is None, "error": error}

    def instance_view(self, name: str) -> dict[str, Any] | None:
        """Return an instance as the page knows it."""
        account = self.book.instances.get(name)
        if account is None:
            return None
        places = self.places(account)
        has_log = places is not None and places.has_log
        delivery = places.delivery.view if places is not None else None
        with self.book.lock:
            view = instance_view(self.book, account, has_log, delivery)
        view["log"] = str(places.log_path) if places is not None and has_log else None
        return view

    def run_view(self, number: int) -> dict[str, Any] | None:
        """Return a run as the page knows it."""
        with self.book.lock:
            run = self.book.runs.get(number)
            return run_view(self.book, run) if run is not None else None

    # ------------------------------------------------------------------ looking after things

    def _watch(self) -> None:
        while not self._end.wait(LOOK_EVERY_S):
            with self._lock:
                managed = list(self._managed.values())
            for each in managed:
                each.look(self.book)
            source = self.source_view()
            if source != self._told_source:
                self._told_source = source
                self.changes.touch("source")
            for account in list(self.book.instances.values()):
                self._look_at_folder(account)

    def _look_at_folder(self, account: Account) -> None:
        """Refresh log and delivery of what is alive, while somebody looks."""
        with self._lock:
            managed = self._managed.get(account.id)
        alive = managed is not None and not managed.gone
        places = self.places(account) if alive or account.id in self._places else None
        if places is None:
            return
        watched = self.changes.watched
        if watched and places.has_log:
            total = places.log.total()
            if total != places.lines:
                places.lines = total
                self.changes.touch("log", account.id)
        delivery = places.delivery
        if (alive and watched) or (delivery.view is not None and not delivery.settled):
            if delivery.refresh():
                self.changes.touch("instance", account.id)
        elif watched and not alive and not places.asked_after_end:
            places.asked_after_end = True
            if delivery.refresh(force=True):
                self.changes.touch("instance", account.id)


def _forget_end(account: Account) -> None:
    """A new task is being asked for: the former one's END is no answer to it."""
    if account.said.open_run is None and account.said.ready:
        account.said.end, account.said.end_message = None, ""


def _image_folders(options: Options) -> list[Path]:
    data = options.dataset
    own = [data.train, data.validation, data.test] if data is not None else []
    return [folder for folder in (*own, *options.images) if folder is not None]
