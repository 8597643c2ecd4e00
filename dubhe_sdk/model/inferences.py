"""Online inference: requests come straight from the web front over a Unix socket.

A connection carries one request, or one batch of them, at a time, and the web front opens as many
connections as calls may run at once. With one, the main thread does the work; with more, each
connection has a thread. Every request gets a `Context` of its own.

Request frame: a number and the request's JSON. Reply frame: the same number and the result, as
`dubhe_sdk.model.inference_calls` has it. Of a method that takes batches, both hold a frame for each
request of the batch.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.framing import NUMBER, FrameReader, pack_numbered
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.ipc.descriptor_socket import DescriptorSocket
from dubhe_sdk.model.fork_guard import keep_private
from dubhe_sdk.model.inference_calls import BatchCalls, InferenceCalls, SingleCalls
from dubhe_sdk.model.stop import StopSignal
from dubhe_sdk.process.socket_path import address

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
        batches: whether the method takes batches.

    Raises:
        OSError: the socket cannot be made.
    """

    def __init__(
        self,
        method: Callable[[Any], Any],
        settings: Settings,
        path: Path,
        concurrency: int,
        stop: StopSignal,
        log: logging.Logger,
        batches: bool = False,
    ) -> None:
        calls = BatchCalls if batches else SingleCalls
        # A stop is raised in the main thread alone.
        stoppable = stop.task() if concurrency == 1 else contextlib.nullcontext()
        self._calls: InferenceCalls = calls(method, settings, log, stoppable)
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
            sock = DescriptorSocket(connection)
            reader = FrameReader(sock, _LIMIT)
            read, answer, take, sendall = reader.read, self._calls.answer, sock.take, sock.sendall
            stop = self._stop if self._concurrency == 1 else None
            try:
                while (frame := read()) is not None:
                    reply = answer(frame[NUMBER.size :], take)
                    sendall(pack_numbered(NUMBER.unpack_from(frame)[0], reply))
                    if sock.has_lost:  # of this call: those of the next one come with it
                        sock.close_descriptors()
                    if stop is not None:
                        if stop.asked:
                            raise TaskStopped("the service was told to stop")
                        stop.resume()
            except OSError as error:
                self._log.warning("the connection to the web front broke: %s", error)
            finally:
                sock.close_descriptors()
