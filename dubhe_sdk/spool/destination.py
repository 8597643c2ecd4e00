"""`Destination`: where the records of a stream are to be delivered.

Problem
    Several containers may share a spool: by its default folder, or on a volume on which one follows
    the other. One is run by hand and has an embedded journal, another reports to Kafka, a third to
    another Kafka. Only one sidecar delivers at a time, and it must not take what is meant for
    another place: the platform would never see it, and it would count as delivered.

Mechanism
    Each segment says in its header whether it is for the journal or for Kafka, and for Kafka the
    id of the cluster as soon as that is known. Not the brokers' addresses: a cluster may be moved,
    and the next container on a volume may know it by other names.

    The id is known to the sidecar alone, once it is connected. It writes it to its state file
    (`dubhe_sdk.process.state_file`), which changes in one step. A writer reads it there when it
    makes a segment, never when it appends. State file and segments are connected by the run of
    ``dubhe launch`` that both belong to.

Safety
    * A stream without an id is left to the sidecar of its own ``dubhe launch`` as long as that
      lives; afterwards any Kafka sidecar takes it, since nobody can tell more about it.
    * A sidecar keeps the id of its cluster beside the position of every stream that it has begun
      to deliver, in the same file, so that the rest goes to the same place.
    * A state file of a dead sidecar is not read; its writer's next segment is without an id, as
      the first was.
    * Segments that do not say it are of an earlier version, and go to whoever delivers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubhe_sdk.process.state_file import read_states
from dubhe_sdk.spool.segment import Description

JOURNAL = "journal"
KAFKA = "kafka"
SIDECAR_ROLE = "sidecar"
LAUNCH_ROLE = "launch"


@dataclass(frozen=True)
class Destination:
    """A place to deliver to, or the place that a stream is meant for.

    Example:
        >>> Destination(KAFKA, "MkU3OEVBNTcwNTJENDM2Qg").takes(Destination(KAFKA))
        True
    """

    kind: str = ""
    """`JOURNAL`, `KAFKA`, or empty: not recorded."""
    cluster: str = ""
    """Id of the Kafka cluster; empty: not known (yet)."""

    def takes(self, stream: Destination) -> bool:
        """Return whether a sidecar that delivers here may take a stream meant for there."""
        if not stream.kind:
            return True
        same_cluster = not (self.cluster and stream.cluster) or self.cluster == stream.cluster
        return self.kind == stream.kind and same_cluster

    @property
    def key(self) -> str:
        """Name under which a sidecar keeps what belongs to this place alone."""
        return f"{self.kind} {self.cluster}" if self.cluster else self.kind

    def __str__(self) -> str:
        """Return it for people, without an address."""
        if self.kind == KAFKA:
            return f"the Kafka cluster {self.cluster}" if self.cluster else "Kafka"
        return "the embedded journal" if self.kind == JOURNAL else "any destination"


def destination_of(description: Description) -> Destination:
    """Return what a segment says about where it is to go."""
    return Destination(description.destination, description.cluster)


def cluster_of_launch(spool: Path, launch: str) -> str:
    """Return the id of the Kafka cluster that a launch's sidecar delivers to; empty if unknown.

    Args:
        spool: the spool's directory.
        launch: the run of ``dubhe launch``.
    """
    found = ""
    for state in read_states(spool, SIDECAR_ROLE):
        if launch and state.get("launch") == launch:
            found = str(state.get("cluster") or "") or found
    return found


def living_launches(spool: Path) -> frozenset[str]:
    """Return the runs of ``dubhe launch`` that use a spool now."""
    states = read_states(spool, LAUNCH_ROLE)
    return frozenset(str(state["launch"]) for state in states if state.get("launch"))
