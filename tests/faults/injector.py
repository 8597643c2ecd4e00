"""Does the faults of the tracks, each track in a thread of its own, and counts them."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dubhe_sidecar.sinks.kafka.clock_skew import CLOCK_DIFFERS
from tests.dubhe_sidecar import shifted_clock
from tests.dubhe_sidecar.sinks.kafka.recovery import foreign
from tests.faults import plan
from tests.faults.consumer import FOREIGN_KEY
from tests.faults.container import Container
from tests.faults.numbered_reports import TOPIC_LIMIT
from tests.faults.plan import Fault
from tests.kafka.broker import Broker

_PARTITIONS_MOST = 12
_TOPIC = {"max.message.bytes": str(TOPIC_LIMIT), "message.timestamp.type": "LogAppendTime"}
_BY_THE_PRODUCER = {"message.timestamp.type": "CreateTime"}
_REFUSED_WITHIN_S = 30.0  # a container that was killed starts again, and delivers
_JUMPS_S = (7_200, -400 * 86_400)  # Kafka refuses an hour ahead, and nothing that is behind
Log = Callable[[str], None]


def create_topics(
    broker: Broker, names: Sequence[str], partitions: int = 2, *, dated_by_us: bool = False
) -> None:
    """Create topics.

    Args:
        broker: where.
        names: of the topics.
        partitions: of each.
        dated_by_us: whether the producer's clock counts. For tasks, the verdict needs the time at
            which the broker appended.
    """
    for name in names:
        broker.create_topic(name, partitions, _TOPIC | (_BY_THE_PRODUCER if dated_by_us else {}))


class Count:
    """What has been done."""

    def __init__(self) -> None:
        self.kills: Counter[str] = Counter()
        self.processes = 0
        """Killed by all of them: some kills hit a whole container."""
        self.freezes = 0
        """Of sidecars."""
        self.signals: Counter[str] = Counter()
        """That came to container parents."""
        self.broker: Counter[str] = Counter()
        self.missed: list[str] = []
        self._lock = threading.Lock()

    def kill(self, target: str, processes: int) -> None:
        """Count a kill, unless there was nobody left to be hit."""
        with self._lock:
            self.kills[target] += processes > 0
            self.processes += processes

    @property
    def kills_done(self) -> int:
        """Kills that hit."""
        return self.kills.total()

    @property
    def broker_done(self) -> int:
        """Faults of the broker."""
        return self.broker.total()


class Injector:
    """Faults on containers and a broker.

    Args:
        broker: started.
        containers: kept running.
        clock: by how many seconds the first one's clock is ahead; see `shifted_clock`.
        over: set when no more faults are wanted.
        show: is given a line for each fault.
    """

    def __init__(
        self,
        broker: Broker,
        containers: Sequence[Container],
        clock: Path,
        over: threading.Event,
        log: Log,
    ) -> None:
        self._clock = clock
        self.count = Count()
        self.error: Exception | None = None
        self._broker = broker
        self._containers = {container.name: container for container in containers}
        self._over = over
        self._log = log
        self._threads: list[threading.Thread] = []
        self._partitions = 2
        self._fresh_topics = 0

    def follow(self, track: Iterator[Fault]) -> None:
        """Begin to do a track's faults, until `over` is set."""
        thread = threading.Thread(target=self._run, args=[track])
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait until the fault at hand of each track is done, and nothing is stopped any more.

        Raises:
            Exception: the harness itself failed, for example to start the broker again.
        """
        for thread in self._threads:
            thread.join()
        if self.error is not None:
            raise self.error

    def _run(self, track: Iterator[Fault]) -> None:
        for fault in track:
            if self._over.wait(fault.pause):
                return
            self._log(str(fault))
            try:
                if fault.where == "broker":
                    self._disturb_broker(fault)
                    self.count.broker[fault.what] += 1
                elif fault.what == plan.FREEZE:
                    self._freeze_sidecar(self._containers[fault.where], fault.seconds)
                elif fault.what == plan.SIGNAL:
                    self._containers[fault.where].signal(signal.Signals[fault.target])
                    self.count.signals[fault.target] += 1
                else:
                    self._kill(self._containers[fault.where], fault.target)
            except AssertionError as error:  # nobody there to be hit
                self.count.missed.append(f"{fault}: {error}")
                self._log(f"missed: {error}")
            except Exception as error:  # noqa: BLE001  # handed on by join
                self.error = error
                self._over.set()

    def _kill(self, container: Container, target: str) -> None:
        if target == plan.EVERYTHING:
            self.count.kill(target, container.kill_everything())
        elif target == plan.WRITER_IN_LARGE:
            container.kill_in_large()
            self.count.kill(target, 1)
        else:
            container.kill(target)
            self.count.kill(target, 1)

    def _freeze_sidecar(self, container: Container, seconds: float) -> None:
        with container.frozen("sidecar"):
            self._over.wait(seconds)
        self.count.freezes += 1

    def _disturb_broker(self, fault: Fault) -> None:
        broker = self._broker
        if "freeze" in fault.what:
            broker.freeze()
            self._over.wait(fault.seconds)
            broker.thaw()
        elif fault.what == "add partitions":
            self._partitions = min(self._partitions + 1, _PARTITIONS_MOST)
            for container in self._containers.values():
                for topic in container.topics[0]:
                    if self._partitions_of(topic) < self._partitions:
                        broker.add_partitions(topic, self._partitions)
        elif fault.what == plan.FOREIGN:
            for topic in {topic for one in self._containers.values() for topic in one.topics[-1]}:
                for codec in foreign.CODECS:
                    foreign.write(broker.plain_bootstrap, topic, codec, key=FOREIGN_KEY)
        elif fault.what == plan.CLOCK:
            self._shift_clock(fault.seconds)
        elif "topic" in fault.what:
            self._use_missing_topics(fault.seconds)
        elif fault.what == "compaction":
            # The broker cleans closed segments only, and here none is: nothing may be lost.
            for policy in ("compact", "delete"):
                for container in self._containers.values():
                    for topic in container.topics[0]:
                        broker.alter_topic(topic, {"cleanup.policy": policy})
                self._over.wait(fault.seconds)
        else:
            (broker.stop if fault.what == "stop" else broker.kill)()
            if "everywhere" in fault.what:
                for container in self._containers.values():
                    self.count.kill(plan.EVERYTHING, container.kill_everything())
            self._over.wait(fault.seconds)
            if "move" in fault.what:
                broker.move()
            broker.start()

    def _shift_clock(self, seconds: float) -> None:
        """Have the first container's clock jump ahead, until it was refused; back; and right."""
        container = next(iter(self._containers.values()))

        def refused() -> int:
            return container.app.console.count(CLOCK_DIFFERS)

        before, deadline = refused(), time.monotonic() + _REFUSED_WITHIN_S
        try:
            for jump in _JUMPS_S:
                shifted_clock.set_ahead(self._clock, jump)
                self._over.wait(seconds)
                while refused() == before and not self._over.is_set():
                    if time.monotonic() > deadline:
                        raise AssertionError("no sidecar had its clock refused")
                    self._over.wait(0.1)
        finally:
            shifted_clock.set_ahead(self._clock, 0)

    def _partitions_of(self, topic: str) -> int:
        return len(self._broker.admin().list_topics(topic, timeout=20).topics[topic].partitions)

    def _use_missing_topics(self, seconds: float) -> None:
        """Have the first container begin again with topics that do not exist, then create them."""
        container = next(iter(self._containers.values()))
        self._fresh_topics += 1
        topics = (f"status-{self._fresh_topics}", f"result-{self._fresh_topics}")
        container.use_topics(topics)
        self.count.kill(plan.EVERYTHING, container.kill_everything())
        self._over.wait(seconds)
        create_topics(self._broker, topics, dated_by_us=True)
