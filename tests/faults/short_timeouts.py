"""``dubhe`` whose sidecar has short time limits, so that a freeze of seconds outlasts all of them.

Named to the product by ``DUBHE_COMMAND``; see `command_file`. Everything but the times is the
product's own.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

from dubhe_sdk.cli import main as cli
from dubhe_sidecar.sinks.kafka import KafkaLimits, sink
from tests.dubhe_sidecar.shifted_clock import CLOCK_AHEAD, follow

# The settling is the product's: it must outlast what a thawing broker still has to take.
LIMITS = dataclasses.replace(
    KafkaLimits(),
    request_timeout_s=2.0,
    outage_after_s=0.5,
    stall_s=6.0,
    connect_timeout_s=2.0,
    backoff_s=0.05,
    backoff_max_s=0.5,
    dated_again_s=2.0,
)


def main(argv: list[str]) -> int:
    """Run a command as `dubhe` does; the sidecar with the short time limits, and its own clock."""
    if CLOCK_AHEAD in os.environ:
        follow(Path(os.environ[CLOCK_AHEAD]))
    sink.KafkaLimits = lambda: LIMITS  # type: ignore[misc,assignment]
    return cli.main(argv)


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
