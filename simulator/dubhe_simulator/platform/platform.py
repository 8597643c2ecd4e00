"""The local platform: one object that the web application and the commands talk to."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dubhe_simulator import interrupts
from dubhe_simulator.client.address import ask, is_request, parse_address
from dubhe_simulator.contract.secrets import without_secrets
from dubhe_simulator.errors import CannotStart, Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance
from dubhe_simulator.platform.evaluation.comparison import Comparisons
from dubhe_simulator.platform.evaluation.precision_recall import PrecisionRecall
from dubhe_simulator.platform.failures import ThreadFailures
from dubhe_simulator.platform.ingest import Ingest
from dubhe_simulator.platform.managed.factory import InstanceFactory
from dubhe_simulator.platform.managed.files import FileWatcher
from dubhe_simulator.platform.managed.images import ImageFiles
from dubhe_simulator.platform.managed.manager import InstanceManager
from dubhe_simulator.platform.run_config import RunConfig
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.message_stats import MessageStats
from dubhe_simulator.platform.state.records import InstanceRecord
from dubhe_simulator.platform.state.registry import InstanceRegistry, now_ms
from dubhe_simulator.platform.state.views import instance_view, request_of, run_view
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.platform.workflow import Workflow
from dubhe_simulator.sources import open_source

POLL_INTERVAL_S = 0.3
REPLY_TIMEOUT_S = 3600.0  # an inference takes what it takes
CATCH_UP_TIMEOUT_S = 30.0


class Platform:
    """Starts with `start`; `close` ends every instance that it started.

    Args:
        config: how to run.

    Raises:
        CannotStart: its database cannot be used.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        config.runs.mkdir(parents=True, exist_ok=True)
        self.session_id = secrets.token_hex(4)
        self.database = Database(config.runs)
        adopted: Sequence[Instance] = ()
        if config.backend is not None:  # the folder is ours alone: the database is locked
            if config.adopt:
                adopted = config.backend.adopt()
            else:
                config.backend.end_orphans()
        self.comparisons = Comparisons(self.database)
        self.precision_recall = PrecisionRecall(self.database)
        self.change_feed = ChangeFeed()
        self.failures = ThreadFailures()
        self.registry = InstanceRegistry(self.database, self.change_feed, self.session_id)
        self.ingest = Ingest(self.registry, self.database)
        self.source = open_source(
            config.runs,
            config.brokers,
            config.topics,
            dict(self.database.rows("SELECT source, position FROM positions")),
            self.ingest.put,
            skip_history=config.skip_history,
        )
        self.factory = InstanceFactory(config)
        self.images = ImageFiles((*config.dataset.folders, *config.images), self.database)
        self.files = FileWatcher(self.change_feed)
        self.manager = InstanceManager(self.registry, self.factory, self.source.follow)
        for process in adopted:
            self.manager.adopt(process)
        self.closing = False
        self.workflow = Workflow(self)
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._published_source: dict[str, Any] | None = None

    # ------------------------------------------------------------------ start and end

    def start(self) -> None:
        """Begin to read, and attach to what was named."""
        self.ingest.prepare()
        self.ingest.start()
        for record in list(self.registry.instances.values()):
            if record.managed.folder is not None:
                self.source.follow(Path(record.managed.folder))
        self.source.start()
        self._watcher.start()
        for address in self.config.attach:
            self.manager.attach(address, None, None)

    def close(self) -> None:
        """End the instances that were started here, take in their last messages, and end."""
        with interrupts.deferred():
            self.closing = True
            self.change_feed.close()
            with self.registry.changed:
                self.registry.changed.notify_all()
            self.manager.close()
            self._end.set()
            self.source.close()
            self.workflow.join()
            self.ingest.close()
            self.database.close()

    def wait_for_source(self, timeout: float) -> None:
        """Wait until messages can be read.

        Raises:
            CannotStart: they cannot.
        """
        if not self.source.wait_until_connected(timeout):
            error = self.source.error or ""
            raise CannotStart(translate("no_broker", brokers=self.config.brokers, error=error))

    def catch_up(self) -> bool:
        """Take in every message that can be read now; return whether that was done in time."""
        done = self.source.catch_up(CATCH_UP_TIMEOUT_S)
        self.ingest.settle()
        return done

    # ------------------------------------------------------------------ actions

    def forget(self, name: str) -> None:
        """Delete what is kept of an instance; one that we are attached to is let go.

        Raises:
            Refused: there is none, or it is ours and runs.
        """
        self.find(name)
        self.manager.detach(name)
        self.files.forget(name)
        self.failures.forget(_files_of(name))
        self.registry.forget(name)
        self.ingest.settle()

    def delete(self, numbers: Sequence[int]) -> None:
        """Delete runs; an instance that has ended is forgotten with the last of its runs.

        Args:
            numbers: the runs'; those that are gone are passed over.

        Raises:
            Refused: one is under way.
        """
        runs = [run for run in map(self.registry.runs.get, numbers) if run is not None]
        for run in runs:
            if run.ended_ms is None and self._is_alive(run.instance):
                raise Refused(translate("ui_run_under_way", run=run.id, instance=run.instance))
        chosen = {run.id for run in runs}
        for name in dict.fromkeys(run.instance for run in runs):
            every = self.registry.runs.of_instance(name)
            if chosen.issuperset(every) and not self._is_alive(name):
                self.manager.detach(name)
                self.files.forget(name)
                self.registry.forget(name)
                continue
            for number in chosen.intersection(every):
                self.registry.delete_run(number)
        self.ingest.settle()

    def _is_alive(self, name: str) -> bool:
        """Whether an instance has a process or an address of which we know that it is there."""
        managed, record = self.manager.find(name), self.registry.instances.get(name)
        there = managed is not None and managed.exit_info is None
        return there and record is not None and record.alive is not False

    def send(self, name: str, body: dict[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """Send a request to an instance and wait for the reply.

        Args:
            name: the instance.
            body: the request.
            timeout: seconds; None for `REPLY_TIMEOUT_S`.

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
        address = parse_address(managed.address, managed.protocol)
        answer = ask(address, body, REPLY_TIMEOUT_S if timeout is None else timeout)
        number, run = self.registry.sent(name, at_ms, body, answer.reply, answer.error, answer.ms)
        found = {"id": number, "reply": answer.reply, "error": answer.error, "ms": answer.ms}
        return {**found, "run": run}

    # ------------------------------------------------------------------ questions

    def find(self, name: str) -> InstanceRecord:
        """Return an instance's record.

        Raises:
            Refused: there is none.
        """
        record = self.registry.instances.get(name)
        if record is None:
            raise Refused(translate("ui_no_instance", instance=name), 404)
        return record

    def message_stats(self, name: str) -> MessageStats:
        """Return the counts of the messages of an instance that was started here and has ended."""
        managed = self.manager.find(name)
        process = managed.process if managed is not None else None
        spooled = process.reported_count() if process is not None else None
        return self.registry.message_stats(name, spooled)

    def source_view(self) -> dict[str, Any]:
        """Return how reading messages goes."""
        error = self.ingest.storage_error or self.source.error
        return {
            "name": self.source.name,
            "ok": error is None,
            "error": error,
            "failures": self.failures.texts,
        }

    def instance_view(self, name: str) -> dict[str, Any] | None:
        """Return an instance as the page knows it."""
        record = self.registry.instances.get(name)
        if record is None:
            return None
        files = self.files.of(record)
        delivery = files.delivery.view if files is not None else None
        logs = files.log_names if files is not None else []
        with self.registry.lock:
            view = instance_view(self.registry, record, logs, delivery)
        view["log"] = str(files.logs["log"].path) if files is not None and "log" in logs else None
        return view

    def run_view(self, number: int, *, brief: bool = False) -> dict[str, Any] | None:
        """Return a run as the page knows it; ``brief`` for a list of many."""
        with self.registry.lock:
            run = self.registry.runs.get(number)
            return run_view(self.registry, run, brief=brief) if run is not None else None

    def run_details(self, number: int) -> dict[str, Any]:
        """Return a run with its request and with what its instance ran.

        Raises:
            Refused: there is no such run.
        """
        with self.registry.lock:
            run = self.registry.runs.get(number)
            if run is None:
                raise Refused(translate("ui_no_run", run=number), 404)
            view = run_view(self.registry, run)
            record = self.registry.record(run.instance)
            asked = request_of(self.registry, run)
        columns = "SELECT at_ms, body FROM sends WHERE id = ?"
        sends = self.database.rows(columns, (asked,)) if asked is not None else []
        kept = "SELECT facts FROM provenance WHERE instance = ?"
        facts = self.database.rows(kept, (run.instance,))
        request = None
        if sends:
            request = {"at_ms": sends[0][0], "body": without_secrets(json.loads(sends[0][1]))}
        return {
            "run": view,
            "owned": record.managed.owned,
            "model": record.managed.model,
            "request": request,
            "provenance": json.loads(facts[0][0]) if facts else None,
        }

    # ------------------------------------------------------------------ looking after things

    def _watch(self) -> None:
        while not self._end.wait(POLL_INTERVAL_S):
            with self.failures.reported("processes of instances"):
                self.manager.poll()
            watched = self.change_feed.watched
            for record in list(self.registry.instances.values()):
                if not self.files.is_due(record, watched):
                    continue
                with self.failures.reported(_files_of(record.id)):
                    managed = self.manager.find(record.id)
                    self.files.poll(record, managed is not None and managed.exit_info is None)
            source = self.source_view()
            if source != self._published_source:
                self._published_source = source
                self.change_feed.publish("source")


def _files_of(name: str) -> str:
    return f"files of {name}"


def _forget_end(record: InstanceRecord) -> None:
    """A new task is being asked for: the former one's END is no answer to it."""
    if record.reported.open_run is None and record.reported.ready:
        reported = record.reported
        reported.end, reported.end_message, reported.end_stopped = None, "", False
