"""One Apache Kafka broker that tests may mistreat: of any release of ``releases.py``.

From 3.0 on it is broker and controller in one process (KRaft); an older one has a ZooKeeper beside
it, which lives through the broker's deaths.

The broker has two client listeners on loopback: ``bootstrap``, which may be secured through the
constructor, and ``plain_bootstrap``, always without TLS and SASL, for the harness and the
independent reader. Where an authorizer is configured, make ``User:ANONYMOUS`` a super user.
"""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka.admin import AdminClient

from tests.kafka import storage, topics
from tests.kafka.jars import HarnessError, class_archive, jar_directory, program
from tests.kafka.releases import CURRENT, Release
from tests.kafka.zookeeper import ZooKeeper

HOST = "127.0.0.1"
# Below the kernel's range for outgoing connections, so that a port stays free between two starts.
PORTS = range(20000, 32000)
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
CLUSTER_ID = "dubhe-test-cluster-000"  # any 22 characters of URL-safe base64

# Quick to start and small: C1 compiles at once, and one serial collector needs no threads.
JVM = ("-Xmx512m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
LOGGING = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)

DEFAULTS = {
    "inter.broker.listener.name": "PLAIN",
    "num.partitions": "1",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "4194304",  # 128 MB of the heap otherwise
    "log.index.size.max.bytes": "1048576",
    # Records are written with timestamps of any year, and nobody but a test deletes them.
    "log.retention.ms": "-1",
}
KRAFT = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    # A killed broker may register again only when its former session is over (9 s otherwise).
    "broker.heartbeat.interval.ms": "300",
    "broker.session.timeout.ms": "2000",
}
ZOOKEEPER = {
    "broker.id": "1",
    "zookeeper.session.timeout.ms": "3000",  # as above; a busy machine must not end it either
    "zookeeper.connection.timeout.ms": "30000",
}


class Broker:
    """A broker with a data directory and ports of its own; both survive restarts.

    Args:
        directory: an empty directory for its data, its properties and its log.
        properties: further server properties; they win over the defaults.
        security_protocol: of the listener ``bootstrap`` (its name is ``CLIENT``, for properties
            such as ``listener.name.client.plain.sasl.jaas.config``).
        jvm: further arguments for ``java``.
        environment: further environment variables for ``java``.
        listeners: further listeners, name → security protocol; see `at`.
        host: the address it listens on, where `prefix` runs it.
        prefix: what its commands begin with, for example `tests.network.lab.Host.prefix`.
        cluster_id: of the cluster that it is.
        ports_of: a broker, stopped by now, whose place it takes.
        release: which Kafka it is.
    """

    def __init__(
        self,
        directory: Path,
        properties: Mapping[str, str] | None = None,
        *,
        security_protocol: str = "PLAINTEXT",
        jvm: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        host: str = HOST,
        prefix: Sequence[str] = (),
        cluster_id: str = CLUSTER_ID,
        ports_of: Broker | None = None,
        release: Release = CURRENT,
    ) -> None:
        self.release = release
        self.cluster_id = cluster_id
        self.directory = directory
        self.log = directory / "broker.log"
        self._properties = dict(properties or {})
        self._listeners = {"CLIENT": security_protocol, "PLAIN": "PLAINTEXT", **(listeners or {})}
        self._host = host
        self._prefix = tuple(prefix)
        self._jvm = jvm
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self._announced: dict[str, str] = {}
        self._formatted = False
        *ports, self._controller_port = free_ports(len(self._listeners) + 1)
        self._ports = dict(zip(self._listeners, ports, strict=True))
        if ports_of is not None:
            self._ports = dict(ports_of._ports)
        self._zookeeper = (
            ZooKeeper(directory / "zookeeper", self._java(), self._controller_port)
            if release.zookeeper
            else None
        )

    @property
    def port(self) -> int:
        """The port of the listener under test."""
        return self._ports["CLIENT"]

    @property
    def bootstrap(self) -> str:
        """``host:port`` of the listener under test."""
        return self.at("CLIENT")

    @property
    def plain_bootstrap(self) -> str:
        """``host:port`` of a listener that is never secured."""
        return self.at("PLAIN")

    @property
    def controller(self) -> str:
        """``host:port`` at which the controllers talk to each other; no client is served there."""
        return f"{self._host}:{self._controller_port}"

    def at(self, listener: str) -> str:
        """Return ``host:port`` of a listener."""
        return f"{self._host}:{self._ports[listener]}"

    @property
    def pid(self) -> int | None:
        """The process id of the running broker."""
        return self._process.pid if self._process else None

    def configure(self, properties: Mapping[str, str]) -> None:
        """Add server properties, before the first start."""
        self._properties.update(properties)

    def announce(self, listener: str, address: str) -> None:
        """Have a listener name another address to its clients, from the first start on."""
        self._announced[listener] = address

    def move(self) -> None:
        """Give the listener under test another port, from the next start on."""
        before = self.bootstrap
        [self._ports["CLIENT"]] = free_ports(1)
        settings = self.directory / "server.properties"
        settings.write_text(settings.read_text().replace(before, self.bootstrap))

    def start(self) -> Broker:
        """Start the broker, on the same ports and data as before, and wait until it answers."""
        if self._process is not None:
            raise HarnessError("the broker is running already")
        settings = self.directory / "server.properties"
        if not self._formatted:
            self.directory.mkdir(parents=True, exist_ok=True)
            settings.write_text(self._server_properties(), encoding="utf-8")
            if self._zookeeper is None:
                storage.create(
                    self.directory / "data",
                    self._java(),
                    settings,
                    *(self.release, self.cluster_id, {**KRAFT, **self._properties}["node.id"]),
                )
            self._formatted = True
        if self._zookeeper is not None:
            self._zookeeper.start()
            self._zookeeper.await_no_broker()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", os.fspath(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self._environment,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the broker
            )
        atexit.register(self.kill)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End the broker in an orderly way (SIGTERM). Does nothing if it is not running."""
        self.thaw()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker without warning (SIGKILL). Does nothing if it is not running."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the broker's clock (SIGSTOP): connections stay open, nothing is answered.

        Returns when it has stopped: until every thread has, it still answers what is sent.
        """
        if self._process is None:
            raise HarnessError("the broker is not running")
        self._process.send_signal(signal.SIGSTOP)
        self._frozen = True
        _wait_until_stopped(self._process.pid)

    def thaw(self) -> None:
        """Let a frozen broker go on (SIGCONT)."""
        if self._process is not None and self._frozen:
            self._process.send_signal(signal.SIGCONT)
        self._frozen = False

    def __enter__(self) -> Broker:
        return self if self._process is not None else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all of it, for good."""
        self.thaw()
        self.kill()
        if self._zookeeper is not None:
            self._zookeeper.kill()

    def admin(self) -> AdminClient:
        """Return an administrator's client on the plain listener."""
        return AdminClient({"bootstrap.servers": self.plain_bootstrap, "log_level": 0})

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> None:
        """Create a topic and wait until its partitions have a leader."""
        topics.create(self.admin(), name, partitions, config or {})

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until it is gone."""
        topics.delete(self.admin(), name)

    def add_partitions(self, name: str, total: int) -> None:
        """Raise the number of a topic's partitions to ``total`` and wait until they are there."""
        topics.add_partitions(self.admin(), name, total)

    def alter_topic(self, name: str, config: Mapping[str, str]) -> None:
        """Change settings of a topic, for example ``max.message.bytes``."""
        topics.alter(self.admin(), name, config)

    def throttle(self, client_id: str, bytes_per_second: int) -> None:
        """Give a client a quota: beyond it, its requests are answered late."""
        topics.set_quota(self.plain_bootstrap, client_id, bytes_per_second)

    def delete_records(self, name: str, partition: int, before: int) -> None:
        """Delete what lies before an offset, as retention does."""
        topics.delete_records(self.admin(), name, partition, before)

    def log_tail(self, characters: int = 4000) -> str:
        """Return the end of the broker's log."""
        if not self.log.exists():
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]

    def _end(self, number: signal.Signals) -> None:
        process, self._process, self._frozen = self._process, None, False
        if process is None:
            return
        atexit.unregister(self.kill)
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _java(self) -> list[str]:
        archive = class_archive(self.release)
        return [
            *self._prefix,
            program("java"),
            *JVM,
            *LOGGING,
            *([f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []),
            *self._jvm,
            "-cp",
            f"{jar_directory(self.release)}/*",
        ]

    def _server_properties(self) -> str:
        listeners = {name: f"{name}://{self.at(name)}" for name in self._listeners}
        protocols = dict(self._listeners)
        advertised = ",".join(
            f"{name}://{self._announced.get(name, self.at(name))}" for name in listeners
        )
        if self._zookeeper is None:
            listeners["CONTROLLER"] = f"CONTROLLER://{self.controller}"
            protocols["CONTROLLER"] = "PLAINTEXT"
            mode = {**KRAFT, "controller.quorum.voters": f"1@{self.controller}"}
        else:
            mode = {**ZOOKEEPER, "zookeeper.connect": self._zookeeper.address}
        merged = {
            **DEFAULTS,
            **mode,
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": advertised,
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in protocols.items()
            ),
            "log.dirs": os.fspath(self.directory / "data"),
            **self._properties,
        }
        return "".join(f"{key}={value}\n" for key, value in merged.items())

    def _wait_until_it_answers(self) -> None:
        def connects() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((self._host, self._ports["PLAIN"])) == 0

        self._wait("listens", connects)
        admin = self.admin()
        self._wait("answers", lambda: topics.names(admin) is not None)
        if self._zookeeper is not None:  # it answers before its controller has told it of topics
            kept = self._kept_topics()
            self._wait("knows its topics", lambda: topics.with_leader(admin) >= kept)

    def _kept_topics(self) -> set[str]:
        """Return the topics that lie in its data directory."""
        partitions = [path.name for path in (self.directory / "data").glob("*-*") if path.is_dir()]
        return {name.rpartition("-")[0] for name in partitions if not name.endswith("-delete")}

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not condition():
            process = self._process
            if process is None or process.poll() is not None:
                raise HarnessError(f"the broker ended before it {what}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise HarnessError(
                    f"the broker did not get ready within {START_TIMEOUT_S:.0f} s "
                    f"(never {what}):\n{self.log_tail()}"
                )
            time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Choose ports that nobody listens on; at random, so that parallel runs seldom meet."""
    found: list[int] = []
    for port in random.sample(PORTS, 500):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise HarnessError(f"no {count} free ports in {PORTS}")


def _wait_until_stopped(pid: int) -> None:
    """Wait until all threads of a process are stopped."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(_thread_state(stat) != "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat")):
        if time.monotonic() > deadline:
            raise HarnessError(f"process {pid} was not stopped within {STOP_TIMEOUT_S:g} s")
        time.sleep(0.001)


def _thread_state(stat: Path) -> str:
    """Return a thread's state letter; "T" for one that has ended meanwhile."""
    try:
        return stat.read_text().rpartition(") ")[2][:1]
    except OSError:
        return "T"
