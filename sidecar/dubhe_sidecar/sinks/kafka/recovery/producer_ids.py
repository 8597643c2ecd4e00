"""`ProducerIds`: which producers' batches may be ours.

Problem: a tail may hold millions of records of other programs, which write to the same topics. To
look into each of them for our headers takes minutes, and a codec for whatever they compress with.

Mechanism: a broker gives each producer an id, and each batch names the id in its header. The ids of
our own producers are in the state that survives a crash. A batch with another id is not ours, and
is passed over unread.

Safety: an id is saved before the first record is sent under it. A producer session keeps one id
from its start to its end: kafka-python asks for another one only after a batch has failed, and that
ends the session. Ids are never given twice in a cluster. A producer without idempotence has no id,
which is the id -1 in its batches, and is known like any other. A state of a version that kept no
ids, or more sessions than `MOST` while the same records were in doubt: then nothing is passed over,
and every record's headers are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_sidecar.sinks.base import SinkError

MOST = 256


class ProducerIds:
    """The ids of all producers whose records may be in doubt.

    Args:
        state: the sink's saved state, or None if nothing was ever sent.

    Raises:
        SinkError: the state has another shape.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        kept = [] if state is None else state.get("producer_ids")
        self._complete = kept is not None
        try:
            self._ids = dict.fromkeys(int(one) for one in kept or ())
        except (TypeError, ValueError) as error:
            raise SinkError(
                f"the cursor's saved state of the Kafka sink is malformed: producer_ids {kept!r}; "
                "expected a list of numbers"
            ) from error

    @property
    def known(self) -> frozenset[int] | None:
        """The ids; None if there may be more, so that any batch may be ours."""
        return frozenset(self._ids) if self._complete else None

    def __contains__(self, producer_id: int) -> bool:
        return producer_id in self._ids

    def add(self, producer_id: int) -> None:
        """Note the id of a new producer. Save the state before anything is sent under it."""
        self._ids[producer_id] = None
        if len(self._ids) > MOST:
            self._complete = False
            del self._ids[next(iter(self._ids))]

    def keep_only(self, producer_id: int | None) -> None:
        """Forget all others: nothing of theirs is in doubt."""
        self._ids = {one: None for one in self._ids if one == producer_id}
        self._complete = True

    def state(self) -> list[int] | None:
        """Return what the constructor expects under ``producer_ids``, JSON-serialisable."""
        return list(self._ids) if self._complete else None
