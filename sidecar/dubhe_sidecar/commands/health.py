"""Check the heartbeat of this container's service, and show the state of delivery."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import directories
from dubhe_sdk.process.state_file import read_local_state
from dubhe_sidecar.service_heartbeat import heartbeat_problem
from dubhe_sidecar.status import describe_sidecar, is_running, read_live

EXIT_HEALTHY = 0
EXIT_UNHEALTHY = 1

TIMEOUT_SECONDS = 3.0
# Of `dubhe_sdk.service.state.Phase`, as the state file has them.
_READY_PHASES = ("ready", "busy")


def main(argv: list[str]) -> int:
    """`dubhe health`."""
    parser = argparse.ArgumentParser(
        prog="dubhe health",
        description="Check the service's heartbeat, with the protocol and port that run.sh has "
        "chosen, and show the state of delivery. The image's HEALTHCHECK.",
        epilog="Exit status: 0 the service is online (--ready: and ready), 1 it is not. The state "
        "of delivery does not affect it: an undelivered message is no reason to end a training.",
    )
    parser.add_argument(
        "spool",
        nargs="?",
        type=Path,
        help="the spool's directory (default: DUBHE_SPOOL_DIR, or /temporary/spool)",
    )
    parser.add_argument(
        "--ready",
        action="store_true",
        help="the service must also be ready for a request: 1 while the model is being "
        "constructed, and once the service stops. For readiness and startup probes",
    )
    options = parser.parse_args(argv)
    spool = options.spool or directories(os.environ)[1]
    service = read_local_state(spool, "service")
    problem = _problem(service) or (_unready(service or {}) if options.ready else None)
    lines = [problem or _service_line(service or {}), *_delivery_lines(spool)]
    sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_UNHEALTHY if problem else EXIT_HEALTHY


def _problem(service: Mapping[str, Any] | None) -> str | None:
    if service is None:
        return "the service is not running: it has not started yet, or it has ended"
    instance_id = service["state"]["instance_id"] or ""
    return heartbeat_problem(service["protocol"], service["port"], instance_id, TIMEOUT_SECONDS)


def _unready(service: Mapping[str, Any]) -> str | None:
    phase = service["state"]["phase"]
    if phase in _READY_PHASES:
        return None
    return f"the service is online, but not ready for a request: {phase}"


def _service_line(service: Mapping[str, Any]) -> str:
    state = service["state"]
    detail = f": {state['detail']}" if state["detail"] else ""
    return (
        f"service online: {state['instance_id'] or 'no instance id yet'}, {service['protocol']}, "
        f"port {service['port']}, {state['phase']}{detail}"
    )


def _delivery_lines(spool: Path) -> list[str]:
    launch = read_local_state(spool, "launch")
    lines = ["sidecar " + describe_sidecar(launch, is_running(spool))]
    live = read_live(spool)
    if live.get("last_error"):
        lines.append(f"not delivering: {live['last_error']}")
    lines += [f"warning: {text}" for _, text in live.get("warnings", ())]
    if live.get("abandoned"):
        lines.append(f"not for this sidecar: {live['abandoned']}")
    return lines
