"""Who takes part in the reporting of metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contestant:
    """A way to report a metric."""

    name: str
    """As in tables, figures and ``--peers``."""
    module: str
    """Below ``benchmarks.reporting.peers``."""
    environment: str
    packages: tuple[str, ...]
    kept: str
    """What has happened to the metric when the call returns; by its design, not measured."""
    durable: bool
    """Whether a metric survives a kill of the process once the call has returned."""


_IN_FILE = "in a file"
_IN_MEMORY = "in memory, a thread delivers"

OURS = Contestant("ours", "ours", "ours", (), _IN_FILE, True)
BARE = Contestant("os.write", "bare_write", "plain", (), _IN_FILE, True)
_KAFKA = ("kafka-python==3.0.12", "crc32c==2.9.post0")
_MLFLOW = ("mlflow-skinny==3.17.2", "sqlalchemy==2.1.9", "alembic==1.20.1")

CONTESTANTS = (
    BARE,
    OURS,
    Contestant("ours-json", "ours", "plain", (), _IN_FILE, True),
    Contestant("logging", "logging_file", "plain", (), _IN_FILE, True),
    Contestant("kafka-python", "kafka_python", "kafka-python", _KAFKA, _IN_MEMORY, False),
    Contestant(
        "confluent-kafka",
        "confluent",
        "confluent-kafka",
        ("confluent-kafka==2.16.1",),
        _IN_MEMORY,
        False,
    ),
    Contestant(
        "tensorboard", "tensorboard_x", "tensorboard", ("tensorboardX==2.6.5",), _IN_MEMORY, False
    ),
    Contestant("mlflow-file", "mlflow_file", "mlflow", _MLFLOW, _IN_FILE, True),
    Contestant("mlflow-sqlite", "mlflow_sqlite", "mlflow", _MLFLOW, "in a database", True),
    Contestant(
        "wandb", "wandb_offline", "wandb", ("wandb==0.31.0",), "handed to another process", True
    ),
    Contestant("swanlab", "swanlab_local", "swanlab", ("swanlab==0.10.3",), _IN_MEMORY, False),
)
