"""The web front and the model process at work on inferences, for `hot_paths`.

Sockets, event loop and greenlets are real. What stands at their other ends runs in processes of its
own, whose instructions are not counted: a client that sends one request after another, a model that
answers every request alike, a web front that asks for one call after another.

``python serving_paths.py client|model|front ADDRESS COUNT BATCH`` is such an end; BATCH is how many
requests a call of the model has, 0 if its method takes no batches.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_LENGTH = struct.Struct(">I")
_RESULT = b'[{"img_path":"a.jpg","info":[]}]'

BATCH = 10
"""Requests in a call of a method that takes batches."""
CLIENTS = 15
"""Requests at once for several model processes: more than they get before these are due."""


def serve_over_tcp(
    handler_of: Callable[[Any], Any], request: bytes, folder: Path, count: int
) -> None:
    """Answer inferences over TCP by a model in another process."""
    import gevent
    from gevent import socket as gevent_socket

    from dubhe_sdk.service.web.inference.pool import ModelPool
    from dubhe_sdk.service.web.limits.connections import Connections
    from dubhe_sdk.service.web.limits.memory_budget import MemoryBudget
    from dubhe_sdk.service.web.limits.shared_bodies import SharedBodies
    from dubhe_sdk.service.web.tcp.server import TcpServer

    listener = gevent_socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with _models(folder, 1, count) as paths:
        pool = ModelPool(paths, 1, 1000)
        runtime: Any = SimpleNamespace(
            handler=handler_of(pool),
            options=SimpleNamespace(transfer_timeout_seconds=30.0, max_request_bytes=1 << 20),
            budget=MemoryBudget(1 << 20),
            shared_bodies=SharedBodies(10),
            connections=Connections(10),
        )
        server = TcpServer(listener, runtime)
        server.start()
        port = listener.getsockname()[1]
        with _other_end("client", str(port), count) as client:
            assert client.stdin is not None
            client.stdin.write(request)
            client.stdin.close()
            while client.poll() is None:
                gevent.sleep(0.01)
            assert client.returncode == 0
        server.stop()


def serve_together(
    handler_of: Callable[[Any], Any],
    request: bytes,
    folder: Path,
    count: int,
    *,
    clients: int,
    processes: int = 1,
    batch: int = 0,
) -> None:
    """Answer inferences of several clients at once, without the sockets of these."""
    import gevent

    from dubhe_sdk.service.web.inference import model_connection
    from dubhe_sdk.service.web.inference.pool import ModelPool

    class Waiting:
        def has_gone(self) -> bool:
            return False

        def others_have_come(self) -> bool:
            return True

    # Else the machine decides which model is quick enough to get requests before they are due.
    model_connection.perf_counter = itertools.count(0, 1e-5).__next__
    with _models(folder, processes, count, batch) as paths:
        pool = ModelPool(paths, 1, 1000)
        pool.set_batches(max(1, batch), 0.0)
        handler = handler_of(pool)

        def ask() -> None:
            for _ in range(count // clients):
                assert b'"flag":1' in handler.handle(request, None, Waiting())

        asking = [gevent.spawn(ask) for _ in range(clients)]
        gevent.joinall(asking, raise_error=True)


def infer_in_model(request: bytes, folder: Path, count: int, batch: int = 0) -> None:
    """Run the method for inferences that come from another process."""
    import logging

    from dubhe_sdk.environment import read_settings
    from dubhe_sdk.errors import TaskStopped
    from dubhe_sdk.model.inferences import InferenceServer
    from dubhe_sdk.model.stop import StopSignal

    def method(context: Any) -> Any:
        return [{"img_path": name, "info": []} for name in context.get("image_names")]

    def method_of_batches(contexts: list[Any]) -> Any:
        return [method(context) for context in contexts]

    stop = StopSignal()
    stop.install()
    path = folder / "model.sock"
    settings = read_settings()
    log = logging.getLogger("model")
    called: Callable[[Any], Any] = method_of_batches if batch else method
    server = InferenceServer(called, settings, path, 1, stop, log, batches=batch > 0)
    with _other_end("front", str(path), count, batch) as front:
        assert front.stdin is not None
        front.stdin.write(request)
        front.stdin.close()
        with contextlib.suppress(TaskStopped):
            server.serve()
        assert front.wait() == 0


@contextlib.contextmanager
def _models(folder: Path, processes: int, count: int, batch: int = 0) -> Iterator[list[str]]:
    paths = [folder / f"model{number}.sock" for number in range(processes)]
    with contextlib.ExitStack() as ends:
        for path in paths:
            ends.enter_context(_other_end("model", str(path), count, batch))
        while not all(path.exists() for path in paths):
            time.sleep(0.01)  # other processes make them, which cannot signal
        yield list(map(str, paths))


@contextlib.contextmanager
def _other_end(
    what: str, address: str, count: int, batch: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-S", __file__, what, address, str(count), str(batch)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _frames(sock: socket.socket) -> Iterator[list[bytes]]:
    """Yield the payloads that have come together, up to the end of the stream."""
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
        payloads = []
        while len(data) >= 4 and len(data) >= (end := 4 + _LENGTH.unpack_from(data)[0]):
            payloads.append(data[4:end])
            data = data[end:]
        if payloads:
            yield payloads


def _packed(payload: bytes) -> bytes:
    return _LENGTH.pack(len(payload)) + payload


def _client(port: str, count: int, batch: int) -> None:
    body = sys.stdin.buffer.read()
    with socket.create_connection(("127.0.0.1", int(port))) as sock:
        replies = _frames(sock)
        for _ in range(count):
            sock.sendall(_packed(body))
            (reply,) = next(replies)
            assert b'"flag":1' in reply


def _model(path: str, count: int, batch: int) -> None:
    result = _packed(b"+" + _RESULT) * batch or b"+" + _RESULT
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + ".new")
        listener.listen()
        Path(path + ".new").rename(path)
        sock, _ = listener.accept()
        for requests in _frames(sock):
            sock.sendall(b"".join(_packed(request[:4] + result) for request in requests))


def _front(path: str, count: int, batch: int) -> None:
    request = sys.stdin.buffer.read()
    body = _packed(request) * batch or request
    result = _packed(b"+" + _RESULT) * batch or b"+" + _RESULT
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        replies = _frames(sock)
        for number in range(count // max(1, batch)):
            sock.sendall(_packed(_LENGTH.pack(number) + body))
            assert next(replies) == [_LENGTH.pack(number) + result]
        from dubhe_sdk.process.linux import STOP_SIGNAL

        os.kill(os.getppid(), STOP_SIGNAL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    {"client": _client, "model": _model, "front": _front}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    )
