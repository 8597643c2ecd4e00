"""Requests per second of the web front beside bare servers that return the same bytes.

    python -m benchmarks.serving [--seconds 3] [--rounds 3] [http] [tcp]

Bare HTTP is gunicorn, falcon and one gevent worker; bare TCP is a gevent server. They answer
from memory; ours is the whole service, with a model process that does nothing. The load comes
from a process of its own that speaks raw sockets, so that it costs little. Rounds alternate, so
that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.service import free_port, running_app

INSTANCE = "modelid1-algorithm1-inference-1-1"
REQUEST = json.dumps(
    {
        "req_type": 3,
        "instance_id": INSTANCE,
        "request_number": 7,
        "image_base_dir": "/data/images",
        "image_names": ["a.jpg"],
        "resource_type": 1,
        "resource_allocation": {"CUDA_VISIBLE_DEVICES": "0"},
    }
).encode()
RESULT = b'[{"img_path":"a.jpg","info":[]}]'
REPLY = b'{"flag":1,"message":"model inference success","data":' + RESULT + b"}"
TCP_REPLY = REPLY[:-1] + b',"request_number":7}'
APP = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.inference()
    def inference(self, ctx):
        return [{"img_path": "a.jpg", "info": []}]
"""
CLIENTS = {"http": 8, "tcp": 1}
LENGTH = struct.Struct(">I")

ROOT = Path(__file__).parents[1]
THIS = [sys.executable, "-m", "benchmarks.serving"]
Server = Callable[[str, int], contextlib.AbstractContextManager[None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("protocols", nargs="*", default=["http", "tcp"])
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for protocol in arguments.protocols:
        compare(protocol, arguments.seconds, arguments.rounds)


def compare(protocol: str, seconds: float, rounds: int) -> None:
    print(f"{protocol}, no-op inference, {CLIENTS[protocol]} client(s)")
    servers: dict[str, Server] = {"bare": start_bare, "ours": start_ours}
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, start in servers.items():
            port = free_port()
            with start(protocol, port):
                await_port(port)
                load(protocol, port, 0.5)
                latencies, elapsed = load(protocol, port, seconds)
            rate = len(latencies) / elapsed
            rates[name].append(rate)
            latencies.sort()
            p50, p99 = (latencies[int(len(latencies) * q)] * 1000 for q in (0.5, 0.99))
            print(f"  {name:<5}{rate:>8.0f} req/s  p50 {p50:6.3f} ms  p99 {p99:6.3f} ms")
    ratio = statistics.median(
        ours / bare for ours, bare in zip(rates["ours"], rates["bare"], strict=True)
    )
    print(f"  ratio ours / bare: {ratio:.2f}\n")


# --- servers ------------------------------------------------------------------------------------


def start_ours(protocol: str, port: int) -> contextlib.AbstractContextManager[None]:
    """Start the real service around a model that does nothing."""
    return running_app(APP, protocol, port, INSTANCE_ID=INSTANCE)


@contextlib.contextmanager
def start_bare(protocol: str, port: int) -> Iterator[None]:
    """Start a server that has nothing but the frameworks."""
    process = subprocess.Popen([*THIS, f"--bare-{protocol}", str(port)])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def serve_bare_http(port: str) -> None:
    import falcon
    from gunicorn.app.base import BaseApplication

    class Route:
        def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
            request.bounded_stream.read()
            response.data = REPLY

    class Bare(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            self.cfg.set("bind", f"127.0.0.1:{port}")
            self.cfg.set("worker_class", "gevent")
            self.cfg.set("loglevel", "warning")
            self.cfg.set("graceful_timeout", 1)
            if "control_socket_disable" in self.cfg.settings:
                self.cfg.set("control_socket_disable", True)

        def load(self) -> Any:
            app = falcon.App()
            app.add_route("/predict/multiple", Route())
            return app

    Bare().run()


def serve_bare_tcp(port: str) -> None:
    import gevent.server
    from gevent.socket import IPPROTO_TCP, TCP_NODELAY

    def handle(sock: Any, address: Any) -> None:
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        buffer = b""
        while True:
            while len(buffer) < 4 or len(buffer) < 4 + LENGTH.unpack_from(buffer)[0]:
                try:
                    chunk = sock.recv(65536)
                except ConnectionResetError:  # the load ends with a reply on its way
                    chunk = b""
                if not chunk:
                    return
                buffer += chunk
            buffer = buffer[4 + LENGTH.unpack_from(buffer)[0] :]
            sock.sendall(LENGTH.pack(len(TCP_REPLY)) + TCP_REPLY)

    gevent.server.StreamServer(("127.0.0.1", int(port)), handle).serve_forever()


# --- load ---------------------------------------------------------------------------------------


def load(protocol: str, port: int, seconds: float) -> tuple[list[float], float]:
    """Load a server from another process. Returns latencies and the time it took, in seconds."""
    command = [*THIS, "--load", protocol, str(port), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    latencies, elapsed = json.loads(done.stdout)
    return latencies, elapsed


def run_load(protocol: str, port: str, seconds: str) -> None:
    if protocol == "http":
        head = f"POST /predict/multiple HTTP/1.1\r\nHost: x\r\nContent-Length: {len(REQUEST)}\r\n"
        request = (head + "Content-Type: application/json\r\n\r\n").encode() + REQUEST
        size = None  # headers come before
        expected = REPLY
    else:
        request = LENGTH.pack(len(REQUEST)) + REQUEST
        size = LENGTH.size + len(TCP_REPLY)
        expected = TCP_REPLY
    poll = select.epoll()
    clients: dict[int, socket.socket] = {}
    for _ in range(CLIENTS[protocol]):
        sock = socket.create_connection(("127.0.0.1", int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    received = dict.fromkeys(clients, b"")
    sent_at = {}
    start = time.perf_counter()
    for fd, sock in clients.items():
        sent_at[fd] = time.perf_counter()
        sock.sendall(request)
    latencies = []
    end = start + float(seconds)
    while (now := time.perf_counter()) < end:
        for fd, _ in poll.poll():
            chunk = clients[fd].recv(65536)
            received[fd] += chunk
            complete = received[fd].endswith(expected) and size in (None, len(received[fd]))
            if not chunk or not complete:
                if not chunk or len(received[fd]) > len(expected) + 1000:
                    raise SystemExit(f"unexpected reply: {received[fd]!r}")
                continue
            now = time.perf_counter()
            latencies.append(now - sent_at[fd])
            received[fd] = b""
            sent_at[fd] = now
            clients[fd].sendall(request)
    json.dump([latencies, time.perf_counter() - start], sys.stdout)


def await_port(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)


ROLES: dict[str, Callable[..., None]] = {
    "--bare-http": serve_bare_http,
    "--bare-tcp": serve_bare_tcp,
    "--load": run_load,
}

if __name__ == "__main__":
    os.environ.pop("PORT", None)  # gunicorn would take it
    os.chdir(ROOT)  # where the other roles are found
    if sys.argv[1:2] and sys.argv[1] in ROLES:
        ROLES[sys.argv[1]](*sys.argv[2:])
    else:
        main()
