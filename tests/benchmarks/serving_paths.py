"""The web front and the model process at work on inferences, for `hot_paths`.

Sockets, event loop and greenlets are real. What stands at their other ends runs in processes of its
own, whose instructions are not counted: a client that sends one request after another, a model that
answers every request alike, a web front that asks for one inference after another.

``python serving_paths.py client|model|front ADDRESS COUNT`` is such an end.
"""

from __future__ import annotations

import contextlib
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
    address = folder / "model.sock"
    with _other_end("model", str(address), count):
        while not address.exists():
            time.sleep(0.01)  # another process makes it, which cannot signal
        pool = ModelPool([str(address)], 1, 1000)
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


def infer_in_model(request: bytes, folder: Path, count: int) -> None:
    """Run the method for inferences that come from another process."""
    import logging

    from dubhe_sdk.environment import read_settings
    from dubhe_sdk.errors import TaskStopped
    from dubhe_sdk.model.inferences import InferenceServer
    from dubhe_sdk.model.stop import StopSignal

    def method(context: Any) -> Any:
        return [{"img_path": name, "info": []} for name in context.get("image_names")]

    stop = StopSignal()
    stop.install()
    path = folder / "model.sock"
    settings = read_settings()
    server = InferenceServer(method, settings, path, 1, stop, logging.getLogger("model"))
    with _other_end("front", str(path), count) as front:
        assert front.stdin is not None
        front.stdin.write(request)
        front.stdin.close()
        with contextlib.suppress(TaskStopped):
            server.serve()
        assert front.wait() == 0


@contextlib.contextmanager
def _other_end(what: str, address: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-S", __file__, what, address, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _frame(sock: socket.socket) -> bytes:
    data = b""
    while len(data) < 4 or len(data) < 4 + _LENGTH.unpack_from(data)[0]:
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        data += chunk
    return data[4:]


def _client(port: str, count: int) -> None:
    body = sys.stdin.buffer.read()
    with socket.create_connection(("127.0.0.1", int(port))) as sock:
        for _ in range(count):
            sock.sendall(_LENGTH.pack(len(body)) + body)
            assert b'"flag":1' in _frame(sock)


def _model(path: str, count: int) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + ".new")
        listener.listen()
        Path(path + ".new").rename(path)
        sock, _ = listener.accept()
        while frame := _frame(sock):
            reply = frame[:4] + b"+" + _RESULT
            sock.sendall(_LENGTH.pack(len(reply)) + reply)


def _front(path: str, count: int) -> None:
    body = sys.stdin.buffer.read()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        for number in range(count):
            data = _LENGTH.pack(number) + body
            sock.sendall(_LENGTH.pack(len(data)) + data)
            assert _frame(sock) == _LENGTH.pack(number) + b"+" + _RESULT
        from dubhe_sdk.process.linux import STOP_SIGNAL

        os.kill(os.getppid(), STOP_SIGNAL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    {"client": _client, "model": _model, "front": _front}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3])
    )
