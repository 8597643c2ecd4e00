"""``dubhe`` whose sidecar has short time limits, so that a freeze of seconds outlasts all of them.

Named to the product by ``DUBHE_COMMAND``; see `command_file`. Everything but the times is the
product's own.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from pathlib import Path

from dubhe_sdk import environment
from dubhe_sdk.cli import main as cli
from dubhe_sidecar.sidecar import Sidecar
from dubhe_sidecar.sinks.kafka import KafkaLimits, KafkaSettings, KafkaSink

# The settling is the product's: it must outlast what a thawing broker still has to take.
LIMITS = dataclasses.replace(
    KafkaLimits(),
    request_timeout_s=2.0,
    outage_after_s=0.5,
    stall_s=6.0,
    connect_timeout_s=2.0,
    backoff_s=0.05,
    backoff_max_s=0.5,
)


def sidecar(arguments: list[str]) -> int:
    """`dubhe sidecar`, for Kafka alone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--drain", action="store_true")
    parser.add_argument("--lifeline-fd", type=int)
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s sidecar %(message)s"
    )
    logging.getLogger("dubhe_sidecar").setLevel(logging.INFO)
    return Sidecar(
        environment.directories(os.environ)[1],
        KafkaSink(KafkaSettings.from_environment(os.environ), LIMITS),
        lifeline=options.lifeline_fd,
        orphan_seconds=environment.seconds(os.environ, "DUBHE_DRAIN_TIMEOUT_SECONDS", 30.0),
        draining=options.drain,
    ).run()


def main(argv: list[str]) -> int:
    """Run a command as `dubhe` does."""
    return sidecar(argv[1:]) if argv[:1] == ["sidecar"] else cli.main(argv)


def command_file(folder: Path, module: str = __name__) -> str:
    """Write an executable that runs a module in place of ``dubhe``; return its path."""
    path = folder / module.rpartition(".")[2]
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); from {module} import main"
    path.write_text(
        f'#!/bin/sh\nexec {sys.executable} -uc "{code}; sys.exit(main(sys.argv[1:]))" "$@"\n'
    )
    path.chmod(0o755)
    return str(path)
