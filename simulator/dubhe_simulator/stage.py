"""One task from the start of its instance to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS
from dubhe_simulator.client import NoAnswer, open_client
from dubhe_simulator.client.heartbeat import HeartbeatMonitor, send_heartbeat
from dubhe_simulator.contract import payloads
from dubhe_simulator.contract.predictions import Prediction
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import InstanceBackend
from dubhe_simulator.instances.base import ExitInfo, Instance
from dubhe_simulator.sources import JournalSource, Source
from dubhe_simulator.tally import Tally
from dubhe_simulator.terminal.view import View
from dubhe_simulator.watch import Watch

REQUEST_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class RunConfig:
    """What all stages of a run have in common.

    Attributes:
        site: where its instances run.
        run: the run's folder; every stage has one of its own below it.
        brokers: Kafka's, or None for the embedded journal.
        topics: of status and of results.
        special_params: business parameters for the algorithm.
        ready_timeout: seconds for an instance to become ready.
        task_timeout: seconds for a training or an evaluation.
    """

    backend: InstanceBackend
    run: Path
    brokers: str | None = None
    topics: tuple[str, str] = (DEFAULT_TOPIC_STATUS, DEFAULT_TOPIC_RESULT)
    special_params: Mapping[str, Any] = field(default_factory=dict)
    ready_timeout: float = 120.0
    task_timeout: float = 3600.0


@dataclass(frozen=True)
class StageReport:
    """What is known of a stage after its end."""

    instance: Instance
    exit_info: ExitInfo
    tally: Tally
    predictions: list[Prediction]
    heartbeats_sent: int
    heartbeats_lost: int
    reported_count: int | None
    """What the instance's own spool says was said; None without a spool."""

    @property
    def reported(self) -> int:
        """How many messages the instance said."""
        return self.tally.reported if self.reported_count is None else self.reported_count

    @property
    def complete(self) -> bool:
        """Whether everything that was said arrived, once."""
        return self.tally.complete and self.reported == self.tally.received


class Stage:
    """Use it as a context manager: it enters when the instance serves and leaves nothing behind.

    Args:
        setting: the run's.
        kind: the kind of task.
        view: whom to tell.
        model: the model file for evaluation and inference.

    Raises:
        TaskFailed: on entering: the instance did not become ready.
    """

    def __init__(
        self, config: RunConfig, kind: TaskKind, view: View, model: Path | None = None
    ) -> None:
        self._setting = config
        self._kind = kind
        self._view = view
        self._stack = ExitStack()
        self._folder = instance_folder(config, kind)
        self.instance = config.backend.instance(
            kind, instance_id(config, kind), self._folder, instance_environment(config, model)
        )

    def __enter__(self) -> Stage:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def task(self, body: Mapping[str, Any]) -> None:
        """Have a training or an evaluation done and wait for its end.

        Raises:
            TaskFailed: it was refused, failed, or took too long.
        """
        begun = time.monotonic()
        self._ask(body, REQUEST_TIMEOUT_S)
        self._watch.wait_for("END", self._setting.task_timeout)
        self._view.task_ended(self._kind, self._watch.last_progress, time.monotonic() - begun)

    def infer(self, body: Mapping[str, Any]) -> Any:
        """Have images recognised and return what the algorithm answered.

        Raises:
            TaskFailed: it was refused or failed.
        """
        begun = time.monotonic()
        reply = self._ask(body, self._setting.task_timeout)
        self._view.answered(self._kind, reply, time.monotonic() - begun)
        return reply.get("data")

    def stop(self) -> StageReport:
        """End the instance and return what became of it."""
        self._heartbeat_monitor.stop()
        exit_info = self.instance.stop()
        self._watch.take_rest()
        self._view.stopped(self._kind, exit_info)
        return StageReport(
            self.instance,
            exit_info,
            self._watch.tally,
            self._watch.predictions,
            self._heartbeat_monitor.sent,
            self._heartbeat_monitor.lost,
            self.instance.reported_count(),
        )

    def _begin(self) -> None:
        begun = time.monotonic()
        self._view.starting(self._kind, self.instance.id)
        source = self._open_source()
        self._stack.callback(source.close)
        self._watch = Watch(self.instance, source, self._view)
        # Its end is arranged before its start: a signal may come at any moment between the two.
        self._stack.push(self.instance)
        self.instance.__enter__()
        self._watch.wait_for("READY", self._setting.ready_timeout)
        protocol, address = self.instance.protocol, self.instance.address
        self._client = open_client(protocol, *address)
        self._stack.callback(self._client.close)
        problem = send_heartbeat(self._client, payloads.heartbeat(self.instance.id))
        if problem is not None:
            raise self._watch.failure(translate("ready_but_no_heartbeat", problem=problem))
        self._heartbeat_monitor = HeartbeatMonitor(
            open_client(protocol, *address), self.instance.id
        )
        self._watch.heartbeat_monitor = self._heartbeat_monitor
        self._heartbeat_monitor.start()
        self._stack.callback(self._heartbeat_monitor.stop)
        self._view.ready(self._kind, time.monotonic() - begun)

    def _ask(self, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        try:
            reply = self._client.request(body, timeout)
        except NoAnswer as error:
            raise self._watch.failure(translate("no_answer", error=error)) from error
        if reply.get("flag") != FLAG_OK:
            raise self._watch.failure(translate("refused", message=reply.get("message", reply)))
        return reply

    def _open_source(self) -> Source:
        if self._setting.brokers is None:
            return JournalSource(self._folder / "journal")
        # Only a run with brokers needs the package.
        from dubhe_simulator.sources.kafka import KafkaSource

        return KafkaSource(self._setting.brokers, self._setting.topics, self.instance.id)


def instance_id(config: RunConfig, kind: TaskKind) -> str:
    """Return the identity of the run's instance of a kind."""
    return f"{config.backend.name}-local-{kind.id_word}-{config.run.name}"


def instance_folder(config: RunConfig, kind: TaskKind) -> Path:
    """Return the folder for what the run's instance of a kind leaves behind."""
    return config.run / kind.value


def instance_environment(config: RunConfig, model: Path | None) -> dict[str, str]:
    """Return the variables of an instance; with the model file for evaluation and inference."""
    env: dict[str, str] = {}
    if model is not None:
        env["model_path"] = str(model)
    if config.special_params:
        env["special_params"] = json.dumps(config.special_params)
    if config.brokers is not None:
        status, result = config.topics
        env.update(
            PLATFORM_TYPE="1",
            BOOTSTRAP_SERVERS=config.brokers,
            TOPIC_MODEL_STATUS=status,
            TOPIC_MODEL_RESULT=result,
        )
    return env
