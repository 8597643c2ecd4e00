"""Which of our records are in a partition already.

Problem: a process, or a producer, ends while requests are on their way. Whether the broker took
them is unknown: sending again may repeat, not sending may lose.

Mechanism: every record carries its writer and number in headers. The state holds, per partition,
an offset below which nothing is in doubt. From there to the current end everything is read, by a
consumer without a group, and what bears one of our keys is remembered.

Safety: what is in doubt can only lie there, for the offset was saved before anything beyond it
was sent. Can a request of the former producer still be appended *after* the tail was read? Bytes
that had not left its host went with its sockets (see ``line.py``). Bytes in the socket of a
broker that was frozen are read by it as soon as it goes on, since they are there before our own
connection is; they may run a moment beside our first requests. So the tail is watched for a
little longer (`Limits.settle_s`) before anything is sent. If the partition has moved to another
broker meanwhile, the old one refuses the straggler. What remains is a broker so overloaded that
it holds a request longer than the stall limit and the settling: then a record may come twice, as
the headers show. Only transactions would close that, at the price of consumers that must know.

A record that the leader has taken is shown to consumers when enough replicas have it. So the
tail is read up to where the leader's log ends (see ``logend.py``), waiting for the replicas if
need be: nothing could be acknowledged meanwhile anyway.

Deleted records (retention) are no longer in doubt: reading starts at what is left. An offset
beyond the end means that the topic was made anew: it is read from its beginning.
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
from dubhe_sidecar.sinks.kafka.limits import MIB, Limits
from dubhe_sidecar.sinks.kafka.recovery.log_end import log_end

logger = logging.getLogger("dubhe_sidecar")

POLL_MS = 200
Arrived = dict[str, set[int]]


class TailReader:
    """Reads tails and learns the ends of partitions. Holds a connection: close it.

    Args:
        client: how to reach the cluster, for kafka-python.
        limits: times and sizes.
        check: called often; raises to interrupt.
    """

    def __init__(self, client: dict[str, Any], limits: Limits, check: Callable[[], None]) -> None:
        self._timeout_s = limits.connect_timeout_s
        self._settle_s = limits.settle_s
        self._check = check
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

    def end(self, place: TopicPartition) -> int:
        """Return the offset that the next record of a partition gets."""
        return self._offsets(self._consumer.end_offsets, [place])[place]

    def arrived(
        self, starts: Mapping[TopicPartition, int], keys: frozenset[bytes], *, settle: bool
    ) -> Arrived:
        """Return which records with these keys lie between ``starts`` and the ends.

        Args:
            starts: per partition the first offset in doubt.
            keys: keys of our own records.
            settle: whether a request may still be on its way, so that the ends need watching.

        Raises:
            KafkaError: it could not be found out.
        """
        found: Arrived = {}
        begun = time.monotonic()
        following = self._readable(starts)
        while following:
            ends = {place: self._log_end(place) for place in following}  # asked before the look
            following = self._read(following, keys, found)
            behind = [place for place, at in following.items() if at < ends[place]]
            watched_s = time.monotonic() - begun
            if not behind and (not settle or watched_s >= self._settle_s):
                break
            if behind and watched_s > self._timeout_s:
                raise NotEnoughReplicasAfterAppendError(
                    f"{behind[0].topic}-{behind[0].partition} holds records that too few replicas "
                    f"have yet: offsets {following[behind[0]]} to {ends[behind[0]]}"
                )
            self._check()
            time.sleep(min(0.05, self._settle_s))
        return found

    def _log_end(self, place: TopicPartition) -> int:
        """Return where the leader's log ends; having asked it the same as consumers do."""
        self.end(place)
        return log_end(self._consumer, place, self._timeout_s)

    def _offsets(
        self, ask: Callable[..., dict[TopicPartition, int]], places: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Ask for one partition at a time.

        Of several, kafka-python silently leaves out those whose leader it does not know at the
        moment, and then fails with a KeyError; of a single one it finds out.
        """
        timeout_ms = self._timeout_s * 1000
        return {place: int(ask([place], timeout_ms=timeout_ms)[place]) for place in places}

    def _readable(self, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Leave out what does not exist, and move starts to where something is."""
        counts = {p.topic: self._consumer.partitions_for_topic(p.topic) for p in starts}
        there = [place for place in starts if place.partition in (counts[place.topic] or ())]
        if not there:
            return {}
        begins = self._offsets(self._consumer.beginning_offsets, there)
        ends = self._offsets(self._consumer.end_offsets, there)
        return {
            place: starts[place] if begins[place] <= starts[place] <= ends[place] else begins[place]
            for place in there
        }

    def _read(
        self, starts: Mapping[TopicPartition, int], keys: frozenset[bytes], found: Arrived
    ) -> dict[TopicPartition, int]:
        """Read up to the current ends; return where each partition goes on."""
        positions = dict(starts)
        ends = self._offsets(self._consumer.end_offsets, positions)
        open_ = {place for place in positions if positions[place] < ends[place]}
        if not open_:
            return positions
        self._consumer.assign(list(open_))
        for place in open_:
            self._consumer.seek(place, positions[place])
        progress = time.monotonic()
        while open_:
            self._check()
            try:
                polled = self._consumer.poll(POLL_MS)
            except TopicAuthorizationFailedError as error:
                topics = set(error.args[0])
                _say_unreadable(topics)
                open_ = {place for place in open_ if place.topic not in topics}
                positions = {p: at for p, at in positions.items() if p.topic not in topics}
                self._consumer.assign(list(open_))
                for place in open_:
                    self._consumer.seek(place, positions[place])
                continue
            except OffsetOutOfRangeError:  # retention was faster than we
                return self._read(self._readable(positions), keys, found)
            for records in polled.values():
                _remember(records, keys, found)
            for place in list(open_):
                at = self._consumer.position(place, timeout_ms=self._timeout_s * 1000)
                if at > positions[place]:
                    positions[place] = at
                    progress = time.monotonic()
                if at >= ends[place]:
                    open_.discard(place)
            if time.monotonic() - progress > self._timeout_s:
                raise KafkaTimeoutError(f"no records from {sorted(open_)} for {self._timeout_s} s")
        return positions


def _remember(records: list[Any], keys: frozenset[bytes], found: Arrived) -> None:
    for record in records:
        if record.key not in keys:
            continue
        headers = dict(record.headers)
        writer, number = headers.get(HEADER_WRITER), headers.get(HEADER_SEQ)
        if writer and number and number.isdigit():
            found.setdefault(writer.decode("utf-8", "replace"), set()).add(int(number))


def _say_unreadable(topics: set[str]) -> None:
    logger.warning(
        "no permission to read topic %s (needs Read): after a crash, records that had arrived "
        "unnoticed are sent again; consumers recognise them by the headers %s and %s",
        ", ".join(sorted(topics)),
        HEADER_WRITER,
        HEADER_SEQ,
    )
