"""The instances that the platform started, or was given the address of."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.messages import STATUS_OK
from dubhe_simulator.client.address import Address, name_of
from dubhe_simulator.client.base import NoAnswer
from dubhe_simulator.errors import CannotStart, Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import ExitInfo, Instance
from dubhe_simulator.instances.engine_problem import EngineProblem
from dubhe_simulator.platform.managed.factory import InstanceFactory
from dubhe_simulator.platform.managed.instance import ManagedInstance
from dubhe_simulator.platform.state.records import InstanceRecord, ManagedState
from dubhe_simulator.platform.state.registry import InstanceRegistry, now_ms


class InstanceManager:
    """Starts and stops, attaches and lets go.

    Args:
        registry: what is known of instances.
        factory: makes instances.
        follow: called with the folder of each, to read its journal.
    """

    def __init__(
        self, registry: InstanceRegistry, factory: InstanceFactory, follow: Callable[[Path], None]
    ) -> None:
        self._registry = registry
        self._factory = factory
        self._follow = follow
        self._managed: dict[str, ManagedInstance] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()  # held while one is started: `close` waits for it
        self._closing = False

    def close(self) -> None:
        """End what was started here; start nothing more."""
        self._closing = True
        with self._starting:
            stops = [threading.Thread(target=each.close) for each in self._all()]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def start(
        self,
        kind: TaskKind,
        model: Path | None,
        params: Mapping[str, Any] | None,
        folder: Path | None = None,
    ) -> str:
        """Start an instance; return its id.

        Args:
            kind: of task.
            model: the model file for evaluation and inference; None for the newest, if any.
            params: business parameters; None for the platform's own.
            folder: in which its own is made; None for a new one.

        Raises:
            Refused: it cannot be started.
        """
        if kind is not TaskKind.TRAIN and model is None:
            model = self._factory.newest()
        with self._starting:
            if self._closing:
                raise Refused(translate("ui_closing"))
            process = self._factory.make(kind, model, params, folder)
            try:
                process.start()
            except (OSError, CannotStart) as error:
                raise Refused(translate("ui_not_started", error=error)) from error
            address = _address(process)
            state = ManagedState(
                owned=True,
                session_id=self._registry.session_id,
                engine=process.engine,
                protocol=process.protocol,
                address=address.text if address is not None else None,
                folder=str(process.folder),
                model=str(model) if model else None,
                params=self._factory.params(params),
                created_ms=now_ms(),
            )
            self._registry.enter(process.id, lambda record: setattr(record, "managed", state))
            with self._lock:
                managed = ManagedInstance(process.id, address, process, self._registry)
                self._managed[process.id] = managed
        self._follow(process.folder)
        return process.id

    def adopt(self, process: Instance) -> None:
        """Take over an instance that an earlier session of the platform has started.

        One that it was asked to stop, which its engine has not done since, is stopped.
        """
        address = _address(process)
        record = self._registry.instances.get(process.id)
        stopping = record is not None and record.managed.stopped and not record.managed.gone

        def change(record: InstanceRecord) -> None:
            managed = record.managed
            managed.owned, managed.session_id = True, self._registry.session_id
            managed.engine = process.engine
            managed.protocol, managed.folder = process.protocol, str(process.folder)
            managed.address = address.text if address is not None else None
            managed.created_ms = managed.created_ms or now_ms()
            managed.exit_status = None
            if not stopping:
                managed.stopped, managed.stopped_ms = False, 0

        self._registry.enter(process.id, change)
        with self._lock:
            managed = ManagedInstance(process.id, address, process, self._registry)
            self._managed[process.id] = managed
        self._follow(process.folder)
        if stopping:
            managed.stop_later()

    def stop(self, name: str) -> ExitInfo:
        """End an instance that was started here, and wait for its end.

        Raises:
            Refused: it is not ours; or its engine does not do it now, and is asked again.
        """
        managed = self.find(name)
        if managed is None or managed.process is None:
            raise Refused(
                translate("ui_not_ours", instance=name),
                409 if name in self._registry.instances else 404,
            )
        try:
            return managed.stop()
        except EngineProblem as problem:
            reason = problem.condition.text
            raise Refused(translate("ui_stop_later", reason=reason), 503) from problem

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
            raise Refused(translate("no_folder", folder=folder), 400)
        if name is None:
            try:
                name = name_of(address)
            except NoAnswer:
                name = None  # not up yet: heartbeats will find out
        known_as = name or f"{address.protocol}-{address.host}-unknown-{address.port}"

        def change(record: InstanceRecord) -> None:
            managed = record.managed
            managed.protocol, managed.address = address.protocol, address.text
            managed.created_ms = managed.created_ms or now_ms()
            managed.owned = False
            managed.stopped, managed.stopped_ms = False, 0  # as a former one may be
            if folder is not None:
                managed.folder = str(folder.absolute())

        with self._lock:
            former = self._managed.get(known_as)
            if former is not None and former.runs:
                raise Refused(translate("ui_is_ours", instance=known_as))
            if former is not None:
                former.forget()
            self._managed[known_as] = ManagedInstance(
                known_as, address, None, self._registry, unidentified=name is None
            )
        self._registry.enter(known_as, change)
        if folder is not None:
            self._follow(folder.absolute())
        return known_as

    def detach(self, name: str) -> None:
        """Have nothing more to do with an instance.

        Raises:
            Refused: it was started here, and runs.
        """
        with self._lock:
            managed = self._managed.get(name)
            if managed is not None and managed.runs:
                raise Refused(translate("ui_runs", instance=name))
            self._managed.pop(name, None)
        if managed is not None:
            managed.forget()

    def find_idle(
        self, kind: TaskKind, model: Path | None, params: Mapping[str, Any] | None
    ) -> str | None:
        """Return an instance of ours that waits for such a request.

        An algorithm reads model and business parameters from its environment as well, which is that
        of its start: one that was started with others would go on using those.

        Args:
            kind: of task.
            model: the model file, for evaluation and inference.
            params: business parameters; None for the platform's own.
        """
        wanted = _text(self._factory.params(params))
        with self._registry.lock:
            for managed in self._all():
                record = self._registry.instances.get(managed.name)
                if record is None or not managed.runs:
                    continue
                file = str(model) if model else None
                same = kind is TaskKind.TRAIN or record.managed.model == file
                same = same and _text(record.managed.params) == wanted
                reported = record.reported
                waits = reported.ready and reported.open_run is None and record.alive is not False
                waits = waits and not record.managed.paused
                waits = waits and reported.end in (
                    None,
                    STATUS_OK,
                )  # a failed one is not used again
                if record.kind is kind and same and waits and not record.managed.stopped:
                    return managed.name
        return None

    def find(self, name: str) -> ManagedInstance | None:
        """Return an instance that was started here or attached."""
        with self._lock:
            return self._managed.get(name)

    def poll(self) -> None:
        """Note what became of each since the last call."""
        for each in self._all():
            each.poll()
            if each.discovered_id is not None:
                self._name(each, each.discovered_id)

    def _name(self, managed: ManagedInstance, name: str) -> None:
        """One that had no name yet has told it."""
        record = self._registry.instances.get(managed.name)
        self.detach(managed.name)
        self._registry.forget(managed.name)
        same = self.find(name)
        if same is None or same.exit_info is not None:
            folder = record.managed.folder if record is not None else None
            assert managed.address is not None  # it has answered
            self.attach(managed.address, name, Path(folder) if folder else None)

    def _all(self) -> list[ManagedInstance]:
        with self._lock:
            return list(self._managed.values())


def _text(params: Mapping[str, Any] | None) -> str:
    """Return parameters for a comparison: to Python, 1, 1.0 and True are the same."""
    return json.dumps(params, sort_keys=True)


def _address(process: Instance) -> Address | None:
    found = process.address
    return Address(process.protocol, *found) if found is not None else None
