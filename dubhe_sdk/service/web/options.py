"""Limits of the web front, from the environment. Standard library only: the parent checks too."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment
from dubhe_sdk.launch.shutdown_times import read_shutdown_times

# What a process needs besides its clients: standard streams, event loop, control socket, and
# what one round of accepting may bring before the connections it displaces are closed.
_OTHER_FILES = 160

# Requests that are in shared memory at once. Clients that have announced a long request and send
# nothing of it must not take the descriptors of the others.
MAX_SHARED_BODIES = 128

# More open files are of no use, and tables are sized by the limit.
_MOST_FILES = 65536

# With less, hardly a request would be read and hardly a reply taken before its time is over.
_LEAST_TIMEOUT_SECONDS = 0.1


# HTTP headers are not counted in the memory budget: at most 256 KiB for a connection, and for no
# longer than `idle_timeout_seconds`.
MAX_REQUEST_LINE_BYTES = 4094
MAX_HEADER_LINES = 64
MAX_HEADER_LINE_BYTES = 4094


@dataclass(frozen=True)
class WebOptions:
    """``DUBHE_MAX_REQUEST_BYTES``, ``DUBHE_MAX_BUFFER_BYTES``, ``DUBHE_MAX_CONNECTIONS``,
    ``DUBHE_TRANSFER_TIMEOUT_SECONDS``, ``DUBHE_IDLE_TIMEOUT_SECONDS``,
    ``DUBHE_INFERENCE_QUEUE_TIMEOUT_SECONDS`` and those of `read_shutdown_times`.

    What is beyond a limit, and what becomes of it:

    ==========================  ===========================================================
    body or frame               refusal; the connection is closed
    all bodies and frames       refusal (those up to 16 KiB are exempt); it is closed
    connections                 the one that is idle for longest is closed
    request line, header lines  status 414 or 431 with a refusal; it is closed
    headers' time               closed
    body's or frame's time      HTTP: refusal; closed
    reply's time                closed
    pipelined requests          answered one after another, in order; none is read ahead
    ==========================  ===========================================================

    HTTP/1.0 and 1.1. What two readers could take for requests of different lengths (two lengths,
    a length and a transfer coding, bare line feeds, blanks before a colon) is status 400, closed.
    """

    max_request_bytes: int
    """Longest body or frame; 1 KiB to 1 GiB, default 16 MiB."""
    max_connections: int
    """Clients connected at once; beyond it the one that is idle for longest is closed."""
    transfer_timeout_seconds: float
    """What a request's body or frame may take to arrive, and a reply to be taken."""
    idle_timeout_seconds: float
    """HTTP: what the next request's headers may take to arrive, on a kept connection too."""
    inference_queue_timeout_seconds: float
    """How long an inference may wait until it begins: for the class to be constructed, and for
    those before it."""
    max_buffer_bytes: int
    """What the requests of all clients may take together; 1 MiB to 64 GiB, default 256 MiB, and
    never less than one request."""
    stop_timeout_seconds: float
    """What running requests get after SIGTERM; a little less than until the front is killed."""


def read_web_options(env: Mapping[str, str]) -> WebOptions:
    """Read the options.

    Raises:
        EnvironmentInvalid: one of them is malformed.
    """
    mib = environment.MIB
    longest = environment.number(
        env, "DUBHE_MAX_REQUEST_BYTES", 16 * mib, low=1024, high=1024 * mib
    )
    buffer = environment.number(
        env, "DUBHE_MAX_BUFFER_BYTES", 256 * mib, low=mib, high=64 * 1024 * mib
    )
    return WebOptions(
        max_request_bytes=longest,
        max_connections=environment.number(
            env, "DUBHE_MAX_CONNECTIONS", 10_000, low=1, high=1_000_000
        ),
        transfer_timeout_seconds=environment.seconds(
            env, "DUBHE_TRANSFER_TIMEOUT_SECONDS", 30.0, low=_LEAST_TIMEOUT_SECONDS
        ),
        idle_timeout_seconds=environment.seconds(
            env, "DUBHE_IDLE_TIMEOUT_SECONDS", 75.0, low=_LEAST_TIMEOUT_SECONDS
        ),
        inference_queue_timeout_seconds=environment.seconds(
            env, "DUBHE_INFERENCE_QUEUE_TIMEOUT_SECONDS", 60.0, low=0.1
        ),
        max_buffer_bytes=max(buffer, longest + 1),
        stop_timeout_seconds=read_shutdown_times(env).web * 5 / 6,
    )


def connection_limit(wanted: int, concurrency: int) -> int:
    """Raise the limit of open files as far as allowed; return how many clients fit into it.

    Args:
        wanted: `WebOptions.max_connections`.
        concurrency: connections to the model.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    return max(1, min(wanted, reachable - concurrency - MAX_SHARED_BODIES - _OTHER_FILES))
