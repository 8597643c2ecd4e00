"""Online inference: requests come straight from the web front over a Unix socket.

A connection carries one request at a time, and the web front opens as many connections as
inferences may run at once. With one, the main thread does the work; with more, each connection
has a thread. Every request gets a `Context` of its own.

Request frame: a number and the request's JSON. Reply frame: the same number; then ``+`` and the
result's JSON, ``-`` and ``{"type", "text"}`` of the exception, or ``!`` and why the request is
refused.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current
from dubhe_sdk.contract.framing import NUMBER, FrameReader, pack
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.model.failure import log_failure, text_of
from dubhe_sdk.model.fork_guard import foreign_code, keep_private
from dubhe_sdk.model.outcome import refuse_unrun
from dubhe_sdk.model.stop import StopSignal
from dubhe_sdk.process.socket_path import address
from dubhe_sdk.reporting.encoding import dumps

_LIMIT = 2**32 - 1  # the web front has checked the size


class InferenceServer:
    """Answers the web front's requests.

    Args:
        method: the algorithm's bound method.
        settings: the environment.
        path: of the socket to listen on.
        concurrency: how many inferences may run at once.
        stop: the stop, which may be raised in the method of a single inference.
        log: the SDK's logger.

    Raises:
        OSError: the socket cannot be made.
    """

    def __init__(
        self,
        method: Callable[[Context], Any],
        settings: Settings,
        path: Path,
        concurrency: int,
        stop: StopSignal,
        log: logging.Logger,
    ) -> None:
        self._method = method
        self._settings = settings
        self._concurrency = concurrency
        self._stop = stop
        self._log = log
        path.unlink(missing_ok=True)  # of a predecessor that died
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        keep_private(self._listener)
        with address(path) as fitting:
            self._listener.bind(fitting)
        self._listener.listen(concurrency + 16)

    def serve(self) -> None:
        """Answer requests until a stop is asked for."""
        try:
            while True:
                connection, _ = self._listener.accept()
                if self._concurrency == 1:
                    self._serve_connection(connection)
                else:
                    threading.Thread(
                        target=self._serve_connection, args=(connection,), daemon=True
                    ).start()
        except TaskStopped:
            return

    def _serve_connection(self, connection: socket.socket) -> None:
        keep_private(connection)
        with connection:
            reader = FrameReader(connection, _LIMIT)
            try:
                while (frame := reader.read()) is not None:
                    number, body = frame[: NUMBER.size], frame[NUMBER.size :]
                    connection.sendall(pack(number + self._infer(body)))
                    if self._concurrency == 1:
                        if self._stop.asked:
                            raise TaskStopped("the service was told to stop")
                        self._stop.resume()
            except OSError as error:
                self._log.warning("the connection to the web front broke: %s", error)

    def _stoppable(self) -> contextlib.AbstractContextManager[None]:
        """Run the method in this block; a stop is raised in the main thread alone."""
        return self._stop.task() if self._concurrency == 1 else contextlib.nullcontext()

    def _infer(self, body: bytes) -> bytes:
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            # What the web front could parse may be nested too deeply here, or hold a number of
            # too many digits. That is the client's fault: no traceback for it in the log.
            return f"!param error: the request cannot be read by the model: {error}".encode()
        token = current.set(None)
        try:
            context = Context(request, self._settings)
            current.set(context)
            with self._stoppable(), foreign_code(self._log):
                result = self._method(context)
                refuse_unrun(result)
                return b"+" + dumps(result, self._log.warning, raising=True)
        except TaskStopped:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the client gets it
            log_failure(self._log, "an inference failed", error)
            return b"-" + dumps({"type": type(error).__name__, "text": text_of(error)})
        finally:
            current.reset(token)
