"""Uses a connection only if it leads to the cluster that the sink delivers to.

Problem: another cluster may take the brokers' address: their volumes were removed, a name leads
elsewhere. kafka-python connects again by itself, and learns the cluster's id with the next
metadata, which may be later than the first records that it sends. Those are then in a cluster that
they were not meant for, and lost to their own.

Mechanism: kafka-python makes its client by the setting ``kafka_client``. This one asks each new
connection for the cluster's id, after authentication and before anything else may use it. Another
id closes the connection and is noted.

Safety: a request goes through a connection only after the check of that connection, and a TCP
connection does not change its end. Brokers before 0.10.1 report no id: nothing is checked then.

The client's parts are private to kafka-python: the upper bound in ``pyproject.toml`` keeps out
releases in which they may differ, and a test exchanges the cluster while nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from kafka.errors import IncompatibleBrokerVersion, KafkaConnectionError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.metadata import MetadataRequest


class ClusterCheck:
    """The id of the cluster that is delivered to, and whether another one was met.

    Its `client` is kafka-python's ``kafka_client``.
    """

    def __init__(self) -> None:
        self.expected = ""
        """The id; empty: not known yet, any will do."""
        self.other = ""
        """The id of another cluster that a connection led to since; empty: none."""
        self._made: KafkaNetClient | None = None

    def client(self, **config: Any) -> KafkaNetClient:
        """Make kafka-python's client."""
        net = NetworkSelector(**config)
        manager = _CheckingManager(net, self, **config)
        self._made = KafkaNetClient(net=net, manager=manager, **config)
        return self._made

    @contextmanager
    def closing_what_fails(self) -> Iterator[None]:
        """Close the client of a producer or consumer whose constructor raises.

        kafka-python 3.0 leaves it open: four descriptors for each attempt of a consumer, until the
        process ends.
        """
        self._made = None
        try:
            yield
        except BaseException:
            if self._made is not None:
                self._made.close()
            raise
        finally:
            self._made = None

    def is_expected(self, cluster: str) -> bool:
        """Return whether a cluster is the one that is delivered to; note it if it is not."""
        if not cluster or not self.expected or cluster == self.expected:
            return True
        self.other = cluster
        return False


class _CheckingManager(KafkaConnectionManager):  # type: ignore[misc]
    def __init__(self, net: NetworkSelector, check: ClusterCheck, **config: Any) -> None:
        super().__init__(net, **config)
        self._check = check

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        connection = ref(conn)  # in a circle its socket would be open until the next collection

        async def initialize(timeout_at: float | None = None) -> None:
            """As the connection's own, with the check at its end."""
            conn = connection()
            if conn is None:
                return
            if timeout_at is None:
                timeout_at = conn._timeout_at()
            try:
                await conn._get_api_versions(timeout_at)
                if conn.sasl_enabled:
                    await conn._sasl_authenticate(timeout_at)
                await self._see_cluster(node, conn, timeout_at)
            except Exception as error:  # noqa: BLE001 - handed to all who wait for the connection
                conn.close(error)
            else:
                conn._init_complete()

        conn.initialize = initialize
        await super()._connect(node, conn, **options)

    async def _see_cluster(self, node: Any, conn: Any, timeout_at: float) -> None:
        """Ask for the cluster's id.

        Raises:
            KafkaConnectionError: it is another cluster.
        """
        request = MetadataRequest(
            topics=MetadataRequest.NO_TOPICS,
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=False,
            include_topic_authorized_operations=False,
        )
        try:
            response = await conn._send_request(request, timeout_at=timeout_at)
        except IncompatibleBrokerVersion:  # no broker's listener for clients: reported as such
            return
        found = getattr(response, "cluster_id", "") or ""
        if not self._check.is_expected(found):
            raise KafkaConnectionError(
                f"{node.host}:{node.port} is of the cluster {found} now, not {self._check.expected}"
            )
