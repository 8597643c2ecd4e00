"""The local platform: one object that the web application and the commands talk to."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dubhe_simulator.client.address import ask, is_request, parse_address
from dubhe_simulator.i18n.core import say
from dubhe_simulator.platform.ingest.ingest import Ingest
from dubhe_simulator.platform.managed.factory import Workshop
from dubhe_simulator.platform.managed.files import Folders
from dubhe_simulator.platform.managed.images import Images
from dubhe_simulator.platform.managed.manager import Fleet
from dubhe_simulator.platform.options import Options
from dubhe_simulator.platform.refused import Refused
from dubhe_simulator.platform.state.change_feed import Changes
from dubhe_simulator.platform.state.records import Account
from dubhe_simulator.platform.state.registry import Book, now_ms
from dubhe_simulator.platform.state.views import instance_view, run_view
from dubhe_simulator.platform.storage.database import Store
from dubhe_simulator.platform.workflow import Flow
from dubhe_simulator.sources.journal_source import Journals

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
        self.folders = Folders(self.changes)
        self.fleet = Fleet(self.book, self.workshop, self._follow)
        self.flow = Flow(self)
        self.closing = False
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
        from dubhe_simulator.sources.kafka_source import KafkaFollower

        return KafkaFollower(self.options.brokers, self.options.topics, positions, put)

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to read, and attach to what was named."""
        self.ingest.prepare()
        self.ingest.start()
        for account in list(self.book.instances.values()):
            if account.known.folder is not None:
                self._follow(Path(account.known.folder))
        self.source.start()
        self._watcher.start()
        for address in self.options.attach:
            self.fleet.attach(address, None, None)

    def close(self) -> None:
        """End the instances that were started here, take in their last words, and end."""
        self.closing = True
        self.changes.close()
        with self.book.changed:
            self.book.changed.notify_all()
        self.fleet.close()
        self._end.set()
        self.source.close()
        self.ingest.close()
        self.store.close()

    # ------------------------------------------------------------------ deeds

    def forget(self, name: str) -> None:
        """Delete what is kept of an instance; one that we are attached to is let go.

        Raises:
            Refused: there is none, or it is ours and runs.
        """
        self.find(name)
        self.fleet.let_go(name)
        self.folders.forget(name)
        self.book.forget(name)
        self.ingest.settle()

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

    def source_view(self) -> dict[str, Any]:
        """Return how reading messages goes."""
        error = self.ingest.trouble or self.source.error
        return {"name": self.source.name, "ok": error is None, "error": error}

    def instance_view(self, name: str) -> dict[str, Any] | None:
        """Return an instance as the page knows it."""
        account = self.book.instances.get(name)
        if account is None:
            return None
        places = self.folders.of(account)
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
            self.fleet.look()
            source = self.source_view()
            if source != self._told_source:
                self._told_source = source
                self.changes.touch("source")
            for account in list(self.book.instances.values()):
                managed = self.fleet.find(account.id)
                self.folders.look(account, managed is not None and not managed.gone)

    def _follow(self, folder: Path) -> None:
        if self.journals is not None:
            self.journals.follow(folder)


def _forget_end(account: Account) -> None:
    """A new task is being asked for: the former one's END is no answer to it."""
    if account.said.open_run is None and account.said.ready:
        account.said.end, account.said.end_message = None, ""


def _image_folders(options: Options) -> list[Path]:
    data = options.dataset
    own = [data.train, data.validation, data.test] if data is not None else []
    return [folder for folder in (*own, *options.images) if folder is not None]
