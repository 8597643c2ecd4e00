"""The local platform: one object that the web application and the commands talk to."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dubhe_simulator.client.address import ask, is_request, parse_address
from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.ingest.ingest import Ingest
from dubhe_simulator.platform.managed.factory import InstanceFactory
from dubhe_simulator.platform.managed.files import FileWatcher
from dubhe_simulator.platform.managed.images import ImageFiles
from dubhe_simulator.platform.managed.manager import InstanceManager
from dubhe_simulator.platform.options import Options
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.records import InstanceRecord
from dubhe_simulator.platform.state.registry import InstanceRegistry, now_ms
from dubhe_simulator.platform.state.views import instance_view, run_view
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.platform.workflow import Workflow
from dubhe_simulator.sources.journal_source import JournalFollower

POLL_INTERVAL_S = 0.3


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
        self.session_id = secrets.token_hex(4)
        self.database = Database(options.runs)
        self.change_feed = ChangeFeed()
        self.registry = InstanceRegistry(self.database, self.change_feed, self.session_id)
        self.ingest = Ingest(self.registry, self.database)
        self.factory = InstanceFactory(options)
        self.images = ImageFiles(_image_folders(options), self.database)
        self.files = FileWatcher(self.change_feed)
        self.manager = InstanceManager(self.registry, self.factory, self._follow)
        self.workflow = Workflow(self)
        self.closing = False
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._published_source: dict[str, Any] | None = None
        positions = dict(self.database.rows("SELECT source, position FROM positions"))
        self.journals: JournalFollower | None = None
        self.source: _Source = self._open_source(positions, self.ingest.put)

    def _open_source(self, positions: Mapping[str, str], put: Any) -> _Source:
        if self.options.brokers is None:
            self.journals = JournalFollower(self.options.runs, positions, put)
            return self.journals
        # Only a platform with brokers needs the package.
        from dubhe_simulator.sources.kafka_source import KafkaFollower

        return KafkaFollower(self.options.brokers, self.options.topics, positions, put)

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to read, and attach to what was named."""
        self.ingest.prepare()
        self.ingest.start()
        for record in list(self.registry.instances.values()):
            if record.managed.folder is not None:
                self._follow(Path(record.managed.folder))
        self.source.start()
        self._watcher.start()
        for address in self.options.attach:
            self.manager.attach(address, None, None)

    def close(self) -> None:
        """End the instances that were started here, take in their last words, and end."""
        self.closing = True
        self.change_feed.close()
        with self.registry.changed:
            self.registry.changed.notify_all()
        self.manager.close()
        self._end.set()
        self.source.close()
        self.ingest.close()
        self.database.close()

    # ------------------------------------------------------------------ deeds

    def forget(self, name: str) -> None:
        """Delete what is kept of an instance; one that we are attached to is let go.

        Raises:
            Refused: there is none, or it is ours and runs.
        """
        self.find(name)
        self.manager.detach(name)
        self.files.forget(name)
        self.registry.forget(name)
        self.ingest.settle()

    def send(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request to an instance and wait for the reply.

        Raises:
            Refused: there is no such instance, its address is unknown, or it is no request.
        """
        record = self.find(name)
        managed = record.managed
        if managed.address is None or managed.protocol is None:
            raise Refused(translate("ui_no_address", instance=name))
        if not is_request(body):
            raise Refused(translate("ui_no_request", found=body.get("req_type")), 400)
        at_ms = now_ms()
        if body["req_type"] in (1, 2):
            self.registry.note(name, _forget_end)
        answer = ask(parse_address(managed.address, managed.protocol), body)
        number, run = self.registry.sent(name, at_ms, body, answer.reply, answer.error, answer.ms)
        found = {"id": number, "reply": answer.reply, "error": answer.error, "ms": answer.ms}
        return {**found, "run": run}

    # ------------------------------------------------------------------ questions

    def find(self, name: str) -> InstanceRecord:
        """Return an instance's account.

        Raises:
            Refused: there is none.
        """
        record = self.registry.instances.get(name)
        if record is None:
            raise Refused(translate("ui_no_instance", instance=name), 404)
        return record

    def runs_of(self, name: str) -> int:
        """Return how many runs an instance had."""
        return self.find(name).reported.runs

    @property
    def models_folder(self) -> Path | None:
        """Where the algorithm saves models."""
        return self.options.backend.models if self.options.backend else None

    def source_view(self) -> dict[str, Any]:
        """Return how reading messages goes."""
        error = self.ingest.storage_error or self.source.error
        return {"name": self.source.name, "ok": error is None, "error": error}

    def instance_view(self, name: str) -> dict[str, Any] | None:
        """Return an instance as the page knows it."""
        record = self.registry.instances.get(name)
        if record is None:
            return None
        files = self.files.of(record)
        has_log = files is not None and files.has_log
        delivery = files.delivery.view if files is not None else None
        with self.registry.lock:
            view = instance_view(self.registry, record, has_log, delivery)
        view["log"] = str(files.log_path) if files is not None and has_log else None
        return view

    def run_view(self, number: int) -> dict[str, Any] | None:
        """Return a run as the page knows it."""
        with self.registry.lock:
            run = self.registry.runs.get(number)
            return run_view(self.registry, run) if run is not None else None

    # ------------------------------------------------------------------ looking after things

    def _watch(self) -> None:
        while not self._end.wait(POLL_INTERVAL_S):
            self.manager.poll()
            source = self.source_view()
            if source != self._published_source:
                self._published_source = source
                self.change_feed.publish("source")
            for record in list(self.registry.instances.values()):
                managed = self.manager.find(record.id)
                self.files.poll(record, managed is not None and not managed.gone)

    def _follow(self, folder: Path) -> None:
        if self.journals is not None:
            self.journals.follow(folder)


def _forget_end(record: InstanceRecord) -> None:
    """A new task is being asked for: the former one's END is no answer to it."""
    if record.reported.open_run is None and record.reported.ready:
        record.reported.end, record.reported.end_message = None, ""


def _image_folders(options: Options) -> list[Path]:
    data = options.dataset
    own = [data.train, data.validation, data.test] if data is not None else []
    return [folder for folder in (*own, *options.images) if folder is not None]
