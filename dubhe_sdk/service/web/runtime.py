"""`WebRuntime`: what a web process is made of, the same for both protocols."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import gevent
from gevent import socket
from gevent.event import Event

from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.service.state import Phase, ServiceState
from dubhe_sdk.service.web.backend import Backend
from dubhe_sdk.service.web.control import Control
from dubhe_sdk.service.web.handler import RequestHandler
from dubhe_sdk.service.web.inference.pool import ModelPool
from dubhe_sdk.service.web.limits.connections import Connections
from dubhe_sdk.service.web.limits.memory_budget import MemoryBudget
from dubhe_sdk.service.web.limits.shared_bodies import SharedBodies
from dubhe_sdk.service.web.options import MAX_SHARED_BODIES, WebOptions, connection_limit
from dubhe_sdk.service.web.state_check import check_state

_PHASE_SECONDS = 0.1


@dataclass(frozen=True)
class WebConfig:
    """Descriptors, paths and bounds: what the service parent gives to the web front."""

    listen_fd: int
    """A socket that is bound and listens."""
    control_fd: int
    """A socket connected to the service parent."""
    model_sockets: tuple[str, ...]
    """Paths, one for each model process, by their numbers."""
    concurrency: int
    """Inferences that run at once in a model process."""
    queue: int
    """Inferences that may wait beyond those."""


class WebRuntime:
    """Handler, connections and the sockets behind them. Build it in the process that serves.

    Args:
        config: from the service parent.
        options: limits.
    """

    def __init__(self, config: WebConfig, options: WebOptions) -> None:
        self.options = options
        self.ended = Event()
        """Set when the process should stop, by SIGTERM or because the parent is gone."""
        self.draining = Event()
        """Set while the service stops, but still runs what arrives."""
        self.refusing = Event()
        """Set while the service runs nothing."""
        pool = ModelPool(
            config.model_sockets,
            config.concurrency,
            config.queue,
            options.inference_queue_timeout_seconds,
        )
        self.control = Control(
            socket.socket(fileno=config.control_fd),
            lambda state: self._on_state(pool, state),
            self._on_orphaned,
            pool.describe,
        )
        self.orphaned = False
        """Whether the parent is gone: then there is no need to finish requests."""
        self.handler = RequestHandler(Backend(self.control, pool), options.max_request_bytes)
        self.budget = MemoryBudget(options.max_buffer_bytes)
        self.shared_bodies = SharedBodies(MAX_SHARED_BODIES)
        self.connections = Connections(
            connection_limit(
                options.max_connections, config.concurrency * len(config.model_sockets)
            )
        )

    def is_draining(self) -> bool:
        """Return whether what arrives is still run, though this process was told to stop."""
        # The parent has sent its phase before SIGTERM, but it need not be read before.
        phases = [self.draining, self.refusing]
        found: list[Event] = gevent.wait(phases, timeout=_PHASE_SECONDS, count=1)
        return found == [self.draining]

    def wait_for_state(self) -> bool:
        """Wait until the parent has sent its state. Returns False if the process should stop."""
        gevent.wait([self.control.has_state, self.ended], count=1)
        gc.freeze()  # what exists now stays: the collector need not look at it again and again
        return not self.ended.is_set()

    def _on_state(self, pool: ModelPool, state: ServiceState) -> None:
        _follow(pool, state)
        for event, phases in (
            (self.draining, (Phase.DRAINING,)),
            (self.refusing, (Phase.STOPPING, Phase.FAILED)),
        ):
            if state.phase in phases:
                event.set()
            else:
                event.clear()

    def _on_orphaned(self) -> None:
        self.orphaned = True
        self.refusing.set()
        self.ended.set()


def _follow(pool: ModelPool, state: ServiceState) -> None:
    """Let the pool do what the service's state means to inferences."""
    try:
        check_state(state, RequestType.INFERENCE)
    except RequestInvalid as refused:
        pool.refuse_waiting(refused)
    pool.set_batches(state.batch_size, state.batch_wait_seconds)
    if state.phase is Phase.STARTING:
        pool.pause()
    else:
        pool.mark_unavailable(state.unavailable)
