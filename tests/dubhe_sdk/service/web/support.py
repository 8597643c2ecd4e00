"""A real web process: the test is its service parent, and a thread is its model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.framing import NUMBER, FrameReader, pack
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.ipc.channel import Channel
from dubhe_sdk.ipc.descriptor_socket import DescriptorSocket
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.process import tree
from dubhe_sdk.process.command import dubhe_command
from dubhe_sdk.service.state import Phase, ServiceState

INSTANCE = "modelid1-algorithm1-inference-1-1"
READY = ServiceState(Phase.READY, INSTANCE, TaskKind.INFER, platform_mode=True)
LIMIT = 64 * 1024
_LISTEN = "0A"  # proc(5): net/tcp

Answer = Callable[[dict[str, Any]], bytes]


def training(phase: Phase = Phase.READY, detail: str = "") -> ServiceState:
    return ServiceState(phase, INSTANCE, TaskKind.TRAIN, platform_mode=True, detail=detail)


def inference_request(**changes: Any) -> dict[str, Any]:
    return {
        "req_type": 3,
        "instance_id": INSTANCE,
        "image_base_dir": "/data",
        "image_names": ["a.jpg"],
        **changes,
    }


class Model:
    """Listens on the model's socket; each connection has a thread.

    ``answer`` gets the request and returns a reply frame's payload; an `OSError` from it closes
    the connection, as the model's death would.
    """

    def __init__(self, path: Path, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda request: b"+[]")
        self.most_running = 0
        self.served = 0
        self._running = 0
        self._lock = threading.Condition()
        self._connections: list[socket.socket] = []
        self._path = path
        self.listen()

    def listen(self) -> None:
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(512)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def die(self) -> None:
        """End all connections and listen no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def wait_served(self, number: int, seconds: float = 10) -> None:
        with self._lock:
            assert self._lock.wait_for(lambda: self.served >= number, seconds)

    def wait_running(self, number: int, seconds: float = 10) -> None:
        with self._lock:
            assert self._lock.wait_for(lambda: self._running >= number, seconds)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        sock = DescriptorSocket(connection)
        reader = FrameReader(sock, 2**32 - 1)
        with connection, contextlib.suppress(OSError):
            while (frame := reader.read()) is not None:
                with self._lock:
                    self._running += 1
                    self.served += 1
                    self.most_running = max(self.most_running, self._running)
                    self._lock.notify_all()
                try:
                    payload = self._answer_request(frame[NUMBER.size :], sock)
                finally:
                    with self._lock:
                        self._running -= 1
                connection.sendall(pack(frame[: NUMBER.size] + payload))

    def _answer_request(self, body: bytes, sock: DescriptorSocket) -> bytes:
        if not SharedBody.is_message(body):
            return self.answer(json.loads(body))
        shared = SharedBody.received(body, sock.take())
        request = json.loads(shared.text())
        shared.close()
        return pack(b"") + self.answer(request)


class Web:
    """A web process with its parent (this object) and its model."""

    def __init__(
        self,
        folder: Path,
        protocol: str,
        state: ServiceState = READY,
        *,
        concurrency: int = 1,
        queue: int = 4,
        env: dict[str, str] | None = None,
        answer: Answer | None = None,
    ) -> None:
        self.start_reply = "started"
        self.started: list[dict[str, Any]] = []
        self.alive = 0
        """Signs of life so far."""
        self.model = Model(folder / "model.sock", answer)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self.listener.getsockname()[1]
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self._socket = ours
        wiring = ["--listen-fd", str(self.listener.fileno()), "--control-fd", str(theirs.fileno())]
        wiring += ["--model-socket", str(folder / "model.sock"), "--protocol", protocol]
        wiring += ["--concurrency", str(concurrency), "--queue", str(queue)]
        self.process = subprocess.Popen(
            [*dubhe_command(), "web", *wiring],
            pass_fds=[self.listener.fileno(), theirs.fileno()],
            env={**os.environ, "DUBHE_MAX_REQUEST_BYTES": str(LIMIT), **(env or {})},
            stderr=subprocess.PIPE,
        )
        self.stderr = b""
        threading.Thread(target=self._read_stderr, daemon=True).start()
        theirs.close()
        self.push(state)
        self.await_serving()
        threading.Thread(target=self._be_parent, daemon=True).start()

    def await_serving(self) -> None:
        message = self.channel.receive()
        assert message == {"op": "serving"}, (message, self.stderr)

    def push(self, state: ServiceState) -> None:
        self.channel.send({"op": "state", "state": state.to_json()})

    def close_control(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self.channel.close()

    def pids(self) -> list[int]:
        return [self.process.pid, *tree.descendants(self.process.pid)]

    def close(self) -> None:
        self.close_control()
        try:
            self.process.wait(10)
        finally:
            tree.signal_all(self.pids(), signal.SIGKILL)
            self.process.wait()
            self.listener.close()
            self.model.die()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def connections(self) -> int:
        """Return how many connections of clients are open, as proc(5) has it in net/tcp."""
        lines = Path(f"/proc/{self.process.pid}/net/tcp").read_text().splitlines()[1:]
        here = f"0100007F:{self.port:04X}"
        fields = [line.split() for line in lines]
        # One that nobody holds any more has inode 0.
        return sum(f[1] == here and f[3] != _LISTEN and f[9] != "0" for f in fields)

    def _be_parent(self) -> None:
        while (message := self.channel.receive()) is not None:
            self.alive += message["op"] == "alive"
            if message["op"] == "start":
                self.started.append({"type": message["type"], "request": message["request"]})
                answer = {"op": "start_reply", "id": message["id"], "reply": self.start_reply}
                self.channel.send(answer)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.stderr += line


class HttpClient:
    """Sends requests on one kept connection."""

    def __init__(self, web: Web) -> None:
        self._connection = HTTPConnection("127.0.0.1", web.port, timeout=15)

    @property
    def sock(self) -> socket.socket:
        """The connection, which is made if need be."""
        if self._connection.sock is None:
            self._connection.connect()
        found: socket.socket = self._connection.sock
        return found

    def send(
        self, path: str, body: bytes | None = None, method: str = "POST", **headers: str
    ) -> dict[str, Any]:
        self._connection.request(method, path, body, headers)
        return self.reply()[1]

    def reply(self) -> tuple[int, dict[str, Any]]:
        response = self._connection.getresponse()
        value: dict[str, Any] = json.loads(response.read())
        self.headers = response.headers
        self.status = response.status
        return response.status, value

    def json(self, path: str, value: Any, method: str = "POST") -> dict[str, Any]:
        return self.send(path, json.dumps(value).encode(), method)


class TcpClient:
    """Sends frames on one connection."""

    def __init__(self, web: Web) -> None:
        self.sock = web.connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = FrameReader(self.sock, 2**31)

    def send(self, body: bytes) -> dict[str, Any]:
        self.sock.sendall(pack(body))
        return self.reply()

    def reply(self) -> dict[str, Any]:
        frame = self._reader.read()
        assert frame is not None, "the connection was closed"
        value: dict[str, Any] = json.loads(frame)
        return value

    def json(self, value: Any) -> dict[str, Any]:
        return self.send(json.dumps(value).encode())

    def is_closed(self) -> bool:
        """Wait until the server closes."""
        try:
            return self._reader.read() is None
        except ConnectionError:
            return True


def data_segments(sock: socket.socket) -> int:
    """Return how many segments with data have come: tcpi_data_segs_in of tcp(7)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    (count,) = struct.unpack_from("I", info, 152)
    return int(count)


def refusal(reply: dict[str, Any]) -> str:
    """Return the message of what must be a refusal without other keys."""
    assert reply.keys() == {"flag", "message"} and reply["flag"] == 2, reply
    message: str = reply["message"]
    return message
