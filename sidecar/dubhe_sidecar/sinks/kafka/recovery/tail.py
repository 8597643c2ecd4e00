"""Which of our records a partition already holds.

Problem: a process, or a producer, ends while requests are on their way. Whether the broker took
them is unknown: sending again may repeat, not sending may lose.

Mechanism: every record carries its writer and number in headers. The state holds, per partition,
an offset below which nothing is in doubt, and the ids of the producers that we had. From there to
the current end all is fetched; of each batch the header is read (see ``batches.py``), and only in
batches of our producers records with one of our keys are looked for. What others have written
is neither decompressed nor parsed: it may be a million records, in a codec that is not here.

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

A batch of ours is passed over only if the id of its producer is not in the state. An id gets there
before anything is sent under it; where not all ids are known, every batch is looked into (see
``producer_ids.py``). A batch of ours that the topic has compressed anew, by a codec that is not
here, cannot be read: that is logged, and its records are sent again, as without the permission to
read.

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
    InvalidMetadataError,
    KafkaTimeoutError,
    NodeNotReadyError,
    NotEnoughReplicasAfterAppendError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from kafka.structs import TopicPartition

from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER
from dubhe_sidecar.sinks.kafka.limits import MIB, KafkaLimits
from dubhe_sidecar.sinks.kafka.recovery.batches import identities, split
from dubhe_sidecar.sinks.kafka.recovery.codecs import CodecMissing
from dubhe_sidecar.sinks.kafka.recovery.fetch import fetch
from dubhe_sidecar.sinks.kafka.recovery.log_end import log_end

logger = logging.getLogger("dubhe_sidecar")

FETCH_BYTES = MIB
MANY = 50_000  # records beyond which it is announced that they are looked through
# Answers without data below the end, until it is believed that there is none: a compacted topic may
# have nothing but an empty segment there.
EMPTY_ANSWERS = 3
_PAUSE_S = 0.05
ArrivedRecords = dict[str, set[int]]


class TailReader:
    """Reads tails and asks for the ends of partitions. Holds a connection: close it.

    Args:
        client: how to reach the cluster, for kafka-python.
        limits: times and sizes.
        on_wait: called again and again while it reads; may raise to give up.
        on_many: called with a text when there is so much to read that it may take a while.
    """

    def __init__(
        self,
        client: dict[str, Any],
        limits: KafkaLimits,
        on_wait: Callable[[], None] = lambda: None,
        on_many: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._timeout_s = limits.connect_timeout_s
        self._settle_s = limits.settle_s
        self._on_wait = on_wait
        self._on_many = on_many
        self._missing: set[str] = set()
        self.absent: set[str] = set()
        """Topics that `arrived` did not find, so that nothing is known of what is in them."""
        self._consumer = KafkaConsumer(
            **client,
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            request_timeout_ms=int(limits.request_timeout_s * 1000),
            receive_message_max_bytes=2**31 - 1,  # a batch may be as large as its topic allows
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
        self,
        starts: Mapping[TopicPartition, int],
        keys: frozenset[bytes],
        producers: frozenset[int] | None,
        *,
        settle: bool,
    ) -> ArrivedRecords:
        """Return which records with these keys lie between ``starts`` and the ends.

        Args:
            starts: per partition the first offset in doubt.
            keys: keys of our own records.
            producers: ids of our own producers; None: not all are known.
            settle: whether a request may still be on its way, so that the ends need watching.

        Raises:
            KafkaError: the cluster did not answer, or too few replicas have the records.
        """
        found: ArrivedRecords = {}
        begun = time.monotonic()
        following = self._readable(starts)
        self._announce(following)
        first_read_at: float | None = None
        while following:
            asked_at = time.monotonic()
            ends = {
                partition: self._log_end(partition) for partition in following
            }  # asked before reading
            following = self._read(following, keys, producers, found)
            first_read_at = first_read_at or time.monotonic()
            behind = [partition for partition, at in following.items() if at < ends[partition]]
            # What was appended within the settling is below an end that was asked after it,
            # however long the reading took.
            if not behind and (not settle or asked_at - begun >= self._settle_s):
                break
            if behind and time.monotonic() - first_read_at > self._timeout_s:
                raise NotEnoughReplicasAfterAppendError(
                    f"{behind[0].topic}-{behind[0].partition} holds records that too few replicas "
                    f"have yet: offsets {following[behind[0]]} to {ends[behind[0]]}"
                )
            self._on_wait()
            time.sleep(min(_PAUSE_S, self._settle_s))
        return found

    def _announce(self, starts: Mapping[TopicPartition, int]) -> None:
        """Report that a long look begins."""
        ends = self._offsets(self._consumer.end_offsets, starts)
        counts = {partition: ends[partition] - at for partition, at in starts.items()}
        if sum(counts.values()) >= MANY:
            what = ", ".join(
                f"{count} records of {partition.topic}-{partition.partition}"
                for partition, count in sorted(counts.items())
                if count > 0
            )
            self._on_many(f"looking through {what} for what has arrived already")

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
        self.absent |= {topic for topic, numbers in counts.items() if not numbers}
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
        self,
        starts: Mapping[TopicPartition, int],
        keys: frozenset[bytes],
        producers: frozenset[int] | None,
        found: ArrivedRecords,
    ) -> dict[TopicPartition, int]:
        """Read up to the current ends; return where each partition goes on.

        What may not be read, or does not exist any more, is left out.
        """
        reached: dict[TopicPartition, int] = {}
        unreadable: set[str] = set()
        for partition, start in starts.items():
            if partition.topic in unreadable:
                continue
            try:
                reached[partition] = self._read_one(partition, start, keys, producers, found)
            except TopicAuthorizationFailedError:
                unreadable.add(partition.topic)
                reached = {p: at for p, at in reached.items() if p.topic != partition.topic}
            except OffsetOutOfRangeError:  # retention was faster than this reader
                again = self._readable({partition: start})
                if again:
                    reached |= self._read(again, keys, producers, found)
        if unreadable:
            _log_unreadable(unreadable)
        return reached

    def _read_one(
        self,
        partition: TopicPartition,
        start: int,
        keys: frozenset[bytes],
        producers: frozenset[int] | None,
        found: ArrivedRecords,
    ) -> int:
        """Read a partition up to its current end; return where it goes on."""
        name = f"{partition.topic}-{partition.partition}"
        at, end, size, empty = start, self.end(partition), FETCH_BYTES, 0
        progress = time.monotonic()
        while at < end:
            self._on_wait()
            try:
                fetched = fetch(self._consumer, partition, at, size, self._timeout_s)
            except (InvalidMetadataError, NodeNotReadyError) as error:
                # Another broker leads it now, or a quota makes us wait.
                self._check_progress(progress, f"{name}: {error}")
                self._refresh_metadata()
                continue
            parts = split(fetched.data, producers)
            for batch in parts.ours:
                self._note(name, batch, keys, at, found)
            if parts.next_offset is not None and parts.next_offset > at:
                at, empty, progress = parts.next_offset, 0, time.monotonic()
                continue
            size = max(size, parts.needed)
            if not fetched.data and fetched.end >= end and not fetched.throttled:
                empty += 1
                if empty >= EMPTY_ANSWERS:
                    return end
            self._check_progress(progress, f"no records from {name} at offset {at}")
        return at

    def _check_progress(self, since: float, text: str) -> None:
        """Give up if there has been no progress for too long.

        Raises:
            KafkaTimeoutError: there was none.
        """
        if time.monotonic() - since > self._timeout_s:
            raise KafkaTimeoutError(f"{text}, for {self._timeout_s:.0f} s")
        time.sleep(_PAUSE_S)

    def _refresh_metadata(self) -> None:
        manager = self._consumer._manager

        async def refresh() -> None:
            future = manager.cluster.request_update()
            await manager.wait_for(future, self._timeout_s * 1000)

        manager.run(refresh)

    def _note(
        self,
        name: str,
        batch: memoryview,
        keys: frozenset[bytes],
        first: int,
        found: ArrivedRecords,
    ) -> None:
        try:
            for writer, number in identities(batch, keys, first):
                found.setdefault(writer, set()).add(number)
        except CodecMissing as error:
            if str(error) not in self._missing:
                self._missing.add(str(error))
                logger.warning(
                    "%s holds batches compressed by %s: if they are ours, their records are sent "
                    "again; consumers can recognise them by the headers %s and %s",
                    *(name, error, HEADER_WRITER, HEADER_SEQ),
                )


def _log_unreadable(topics: set[str]) -> None:
    logger.warning(
        "no permission to read topic %s (needs Read): after a crash, records that had arrived "
        "unnoticed are sent again; consumers can recognise them by the headers %s and %s",
        ", ".join(sorted(topics)),
        HEADER_WRITER,
        HEADER_SEQ,
    )
