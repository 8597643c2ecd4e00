"""Where an instance's messages come back from: the embedded journal, or Kafka."""

from dubhe_simulator.sources.base import Source, SourceBroken
from dubhe_simulator.sources.journal import JournalSource

__all__ = ["JournalSource", "Source", "SourceBroken"]
