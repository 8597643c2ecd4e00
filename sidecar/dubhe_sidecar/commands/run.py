"""Deliver a spool to Kafka, or to the embedded journal if no brokers are set."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from pathlib import Path

from dubhe_sdk import environment
from dubhe_sdk.errors import EnvironmentInvalid, SpoolUnusable
from dubhe_sdk.logs.console import ConsoleHandler
from dubhe_sdk.logs.format import formatter, log_to_stderr, read_format
from dubhe_sdk.spool.create import check_directory
from dubhe_sdk.version import __version__
from dubhe_sidecar import system
from dubhe_sidecar.dead_letters import MAX_BYTES
from dubhe_sidecar.metrics import MetricsSnapshot, labels, read_metrics_options, serve
from dubhe_sidecar.sidecar import Sidecar
from dubhe_sidecar.sinks.base import Sink

EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """`dubhe sidecar`."""
    parser = argparse.ArgumentParser(
        prog="dubhe sidecar",
        description="Deliver the spool in DUBHE_SPOOL_DIR. `dubhe launch` starts it. Run it by "
        "hand with --drain to deliver what a container has left on a volume.",
        epilog="Exit status: 0 everything was delivered, 1 failed, start it again, 2 wrong "
        "environment, 3 what is left is for another destination, 75 ended with undelivered "
        "records.",
    )
    parser.add_argument("--drain", action="store_true", help="exit when everything is delivered")
    parser.add_argument(
        "--any-destination",
        action="store_true",
        help="deliver records that were meant for another destination too: for Kafka, for another "
        "Kafka cluster, or for the embedded journal",
    )
    parser.add_argument("--launch", default="", help=argparse.SUPPRESS)
    parser.add_argument("--lifeline-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--core-version", default=__version__, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    handler = ConsoleHandler()
    handler.setFormatter(formatter("%(asctime)s %(levelname)s sidecar %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("dubhe_sidecar").setLevel(logging.INFO)
    try:
        _check_version(options.core_version)
        read_format(os.environ)
        temporary, spool = environment.directories(os.environ)
        check_directory(spool)
        orphan_seconds = environment.seconds(os.environ, "DUBHE_DRAIN_TIMEOUT_SECONDS", 30.0)
        metrics = read_metrics_options(os.environ)
        dead_letters_max_bytes = environment.number(
            os.environ, "DUBHE_DEAD_LETTERS_MAX_BYTES", MAX_BYTES, low=64 * 1024, high=2**50
        )
        sampling = system.read_interval(os.environ) if options.launch else 0.0
        sink = _sink(temporary / "journal")
    except (EnvironmentInvalid, SpoolUnusable) as error:
        log_to_stderr("sidecar", str(error), logging.ERROR)
        return EXIT_USAGE
    serve(metrics, MetricsSnapshot(spool, labels(os.environ)))
    system.start(sampling, temporary / "system", os.getppid())
    _tune_garbage_collector()
    return Sidecar(
        spool,
        sink,
        lifeline=options.lifeline_fd,
        orphan_seconds=orphan_seconds,
        draining=options.drain,
        launch=options.launch,
        everything=options.any_destination,
        dead_letters_max_bytes=dead_letters_max_bytes,
    ).run()


def _check_version(core: str) -> None:
    """Refuse to serve an algorithm whose dubhe-core is another version: the formats may differ."""
    if core != __version__:
        raise EnvironmentInvalid(
            f"the algorithm's interpreter has dubhe-core {core}, and the `dubhe` that serves it is "
            f"version {__version__} ({sys.prefix}): install the same version of both, or name "
            "another `dubhe` by DUBHE_COMMAND"
        )


def _tune_garbage_collector() -> None:
    """Make the garbage collector run rarely, and only on objects created after the start.

    Thousands of records in flight are not garbage, and none of them is in a cycle; scanning them
    every 700 objects takes a tenth of the processor time of delivery.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _sink(journal: Path) -> Sink:
    """Choose the sink; import the Kafka client only if it is needed."""
    if environment.brokers(os.environ) is None:
        from dubhe_sidecar.sinks.journal import JournalSink

        return JournalSink(journal)
    from dubhe_sidecar.sinks.kafka import KafkaSettings, KafkaSink

    return KafkaSink(KafkaSettings.from_environment(os.environ))
