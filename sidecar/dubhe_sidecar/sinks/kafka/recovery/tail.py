"""Which of our records a partition already holds.

Problem: a process, or a producer, ends while requests are on their way. Whether the broker took
them is unknown: sending again may repeat, not sending may lose.

Mechanism: every record carries its writer and number in headers. The state holds, per partition,
an offset below which nothing is in doubt. From there to the current end everything is read, by a
consumer without a group, and records with one of our keys are noted.

Safety: what is in doubt can only lie there, for the offset was saved before anything beyond it was
sent. Can a request of the former producer still be appended *after* the tail was read? Bytes that
had not left its host were dropped with its sockets (see ``producer/session.py``). Bytes in the
socket of a broker that was frozen are read by it as soon as it goes on, before those of our own
connection; they may be handled at the same time as our first requests. So the tail is watched for a
little longer (`KafkaLimits.settle_s`) before anything is sent. If the partition has moved to
another broker meanwhile, the old one refuses the straggler. What remains is a broker so overloaded
that it holds a request longer than the stall limit and the settling: then a record may come twice,
as the headers show. Only transactions would close that gap, and every consumer would have to be set
up for them.

A record that the leader has taken is shown to consumers when enough replicas have it. So the
tail is read up to where the leader's log ends (see ``log_end.py``), waiting for the replicas if
need be: nothing could be acknowledged meanwhile anyway.

Deleted records (retention) are no longer in doubt: reading starts at what is left. An offset
beyond the end means that the topic was created again: it is read from its beginning.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import (
    KafkaTimeoutError,
    NotEnoughReplicasAfterAppendError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from kafka.structs import TopicPartition

from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER
from dubhe_sidecar.sinks.kafka.limits import MIB, KafkaLimits
from dubhe_sidecar.sinks.kafka.recovery.log_end import log_end

logger = logging.getLogger("dubhe_sidecar")

POLL_MS = 200
ArrivedRecords = dict[str, set[int]]


class TailReader:
    """Reads tails and asks for the ends of partitions. Holds a connection: close it.

    Args:
        client: how to reach the cluster, for kafka-python.
        limits: times and sizes.
    """

    def __init__(self, client: dict[str, Any], limits: KafkaLimits) -> None:
        self._timeout_s = limits.connect_timeout_s
        self._settle_s = limits.settle_s
        self._consumer = KafkaConsumer(
            **client,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            request_timeout_ms=int(limits.request_timeout_s * 1000),
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=4 * MIB,
            max_poll_records=10_000,
            metrics_enabled=False,
        )

    def __enter__(self) -> TailReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(timeout_ms=1000)

    def end(self, partition: TopicPartition) -> int:
        """Return the offset that the next record of a partition gets."""
        return self._offsets(self._consumer.end_offsets, [partition])[partition]

    def arrived(
        self, starts: Mapping[TopicPartition, int], keys: frozenset[bytes], *, settle: bool
    ) -> ArrivedRecords:
        """Return which records with these keys lie between ``starts`` and the ends.

        Args:
            starts: per partition the first offset in doubt.
            keys: keys of our own records.
            settle: whether a request may still be on its way, so that the ends need watching.

        Raises:
            KafkaError: the cluster did not answer, or too few replicas have the records.
        """
        found: ArrivedRecords = {}
        begun = time.monotonic()
        following = self._readable(starts)
        while following:
            ends = {
                partition: self._log_end(partition) for partition in following
            }  # asked before reading
            following = self._read(following, keys, found)
            behind = [partition for partition, at in following.items() if at < ends[partition]]
            watched_s = time.monotonic() - begun
            if not behind and (not settle or watched_s >= self._settle_s):
                break
            if behind and watched_s > self._timeout_s:
                raise NotEnoughReplicasAfterAppendError(
                    f"{behind[0].topic}-{behind[0].partition} holds records that too few replicas "
                    f"have yet: offsets {following[behind[0]]} to {ends[behind[0]]}"
                )
            time.sleep(min(0.05, self._settle_s))
        return found

    def _log_end(self, partition: TopicPartition) -> int:
        """Return where the leader's log ends; having asked it what consumers ask too."""
        self.end(partition)
        return log_end(self._consumer, partition, self._timeout_s)

    def _offsets(
        self, ask: Callable[..., dict[TopicPartition, int]], partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Ask for one partition at a time.

        Of several, kafka-python silently omits those whose leader is unknown to it at the
        moment, and then fails with a KeyError; for a single one it asks for the leader.
        """
        timeout_ms = self._timeout_s * 1000
        return {
            partition: int(ask([partition], timeout_ms=timeout_ms)[partition])
            for partition in partitions
        }

    def _readable(self, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Leave out what does not exist, and move starts to where something is."""
        counts = {p.topic: self._consumer.partitions_for_topic(p.topic) for p in starts}
        there = [
            partition
            for partition in starts
            if partition.partition in (counts[partition.topic] or ())
        ]
        if not there:
            return {}
        begins = self._offsets(self._consumer.beginning_offsets, there)
        ends = self._offsets(self._consumer.end_offsets, there)
        return {
            partition: starts[partition]
            if begins[partition] <= starts[partition] <= ends[partition]
            else begins[partition]
            for partition in there
        }

    def _read(
        self, starts: Mapping[TopicPartition, int], keys: frozenset[bytes], found: ArrivedRecords
    ) -> dict[TopicPartition, int]:
        """Read up to the current ends; return where each partition goes on."""
        positions = dict(starts)
        ends = self._offsets(self._consumer.end_offsets, positions)
        open_ = {partition for partition in positions if positions[partition] < ends[partition]}
        if not open_:
            return positions
        self._consumer.assign(list(open_))
        for partition in open_:
            self._consumer.seek(partition, positions[partition])
        progress = time.monotonic()
        while open_:
            try:
                polled = self._consumer.poll(POLL_MS)
            except TopicAuthorizationFailedError as error:
                topics = set(error.args[0])
                _log_unreadable(topics)
                open_ = {partition for partition in open_ if partition.topic not in topics}
                positions = {p: at for p, at in positions.items() if p.topic not in topics}
                self._consumer.assign(list(open_))
                for partition in open_:
                    self._consumer.seek(partition, positions[partition])
                continue
            except OffsetOutOfRangeError:  # retention was faster than this reader
                return self._read(self._readable(positions), keys, found)
            for records in polled.values():
                _note_arrived(records, keys, found)
            for partition in list(open_):
                at = self._consumer.position(partition, timeout_ms=self._timeout_s * 1000)
                if at > positions[partition]:
                    positions[partition] = at
                    progress = time.monotonic()
                if at >= ends[partition]:
                    open_.discard(partition)
            if time.monotonic() - progress > self._timeout_s:
                raise KafkaTimeoutError(f"no records from {sorted(open_)} for {self._timeout_s} s")
        return positions


def _note_arrived(records: list[Any], keys: frozenset[bytes], found: ArrivedRecords) -> None:
    for record in records:
        if record.key not in keys:
            continue
        headers = dict(record.headers)
        writer, number = headers.get(HEADER_WRITER), headers.get(HEADER_SEQ)
        if writer and number and number.isdigit():
            found.setdefault(writer.decode("utf-8", "replace"), set()).add(int(number))


def _log_unreadable(topics: set[str]) -> None:
    logger.warning(
        "no permission to read topic %s (needs Read): after a crash, records that had arrived "
        "unnoticed are sent again; consumers can recognise them by the headers %s and %s",
        ", ".join(sorted(topics)),
        HEADER_WRITER,
        HEADER_SEQ,
    )
