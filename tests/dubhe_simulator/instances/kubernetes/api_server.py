"""A stand-in for the API server: what a cluster does seldom, it does when a test wants it.

It keeps pods, sends changes to watches, and refuses or falls silent on demand. Nothing runs in its
pods: a test says what became of them, as the kubelet would.
"""

from __future__ import annotations

import copy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes.client import ApiClient, Configuration, CoreV1Api

from dubhe_simulator.instances.kubernetes.cluster import Cluster

NAMESPACE = "team"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


class ApiServer:
    """Serves on loopback from entering to leaving."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._version = 100
        self._pods: dict[str, dict[str, Any]] = {}
        self._events: list[tuple[int, str, dict[str, Any]]] = []
        self._oldest = 0
        self._generation = 0  # of the connections: a break ends those before
        self._output: dict[str, list[bytes]] = {}
        self.refusal: tuple[int, str] | None = None
        self.answers = True  # if not: connections end after what was asked for has been done
        self.requests: list[str] = []

    def __enter__(self) -> ApiServer:
        server = self
        handler = type("Handler", (_Handler,), {"api": server})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.break_connections()
        self._server.shutdown()
        self._server.server_close()

    @property
    def cluster(self) -> Cluster:
        """A client's side of it."""
        return self.cluster_at(self.port)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def cluster_at(self, port: int) -> Cluster:
        """A client's side of it, by another port that leads to it."""
        configuration = Configuration(host=f"http://127.0.0.1:{port}")
        configuration.retries = 0
        return Cluster(CoreV1Api(ApiClient(configuration)), NAMESPACE, "test")

    # ------------------------------------------------------------------ what a test does

    @property
    def pods(self) -> dict[str, dict[str, Any]]:
        """The pods that there are."""
        with self._changed:
            return copy.deepcopy(self._pods)

    def set_status(self, name: str, **status: Any) -> None:
        """Say what the kubelet says of a pod."""
        with self._changed:
            self._pods[name]["status"] = status
            self._publish("MODIFIED", self._pods[name])

    def run(self, name: str, address: str = "127.0.0.2") -> None:
        """Have a pod's container run."""
        state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        self.set_status(name, phase="Running", podIP=address, containerStatuses=[_container(state)])

    def end(self, name: str, code: int, reason: str = "Error") -> None:
        """Have a pod's container end, and its output."""
        state = {"terminated": {"exitCode": code, "reason": reason}}
        phase = "Succeeded" if code == 0 else "Failed"
        self.set_status(name, phase=phase, containerStatuses=[_container(state)])

    def write(self, name: str, line: bytes) -> None:
        """Have a pod's container write a line, which the kubelet dates."""
        second, fraction = divmod(time.time_ns(), 1_000_000_000)
        date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        with self._changed:
            self._output.setdefault(name, []).append(f"{date}.{fraction:09}Z ".encode() + line)
            self._changed.notify_all()

    def rotate(self, name: str) -> None:
        """Begin another file for a pod's output, as the kubelet does when one has grown."""
        with self._changed:
            self._output[name] = []

    def remove(self, name: str) -> None:
        """Remove a pod, as the kubelet does after its end."""
        with self._changed:
            pod = self._pods.pop(name)
            self._publish("DELETED", pod)

    def break_connections(self) -> None:
        """End every watch and every output at once, in the middle."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def forget_versions(self) -> None:
        """Answer 410 to watches from before."""
        with self._changed:
            self._oldest = self._version

    # ------------------------------------------------------------------ what requests do

    def create(self, pod: dict[str, Any]) -> dict[str, Any]:
        with self._changed:
            pod["metadata"]["namespace"] = NAMESPACE
            pod["status"] = {"phase": "Pending"}
            self._pods[pod["metadata"]["name"]] = pod
            self._publish("ADDED", pod)
            return copy.deepcopy(pod)

    def ask_for_end(self, name: str, grace: int | None) -> dict[str, Any] | None:
        with self._changed:
            pod = self._pods.get(name)
            if pod is None:
                return None
            ended = pod["status"].get("phase") in ("Succeeded", "Failed")
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            if ended or grace == 0 or "podIP" not in pod["status"]:
                self._publish("DELETED", self._pods.pop(name))
            else:
                self._publish("MODIFIED", pod)
            return copy.deepcopy(pod)

    def listing(self, selector: str) -> dict[str, Any]:
        with self._changed:
            found = [pod for pod in self._pods.values() if _fits(pod, selector)]
            items = copy.deepcopy(found)
            return {
                "kind": "PodList",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": str(self._version)},
                "items": items,
            }

    def events_after(self, version: int, generation: int) -> list[tuple[int, str, dict[str, Any]]]:
        """Wait for events; an empty list if the connections were broken."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._generation != generation or self._version > version, 30
            )
            if self._generation != generation:
                return []
            return [each for each in self._events if each[0] > version]

    def lines_after(self, name: str, count: int, generation: int) -> list[bytes] | None:
        """Wait for output; None at its end, or if the connections were broken."""

        def done() -> bool:
            pod = self._pods.get(name)
            over = pod is None or pod["status"].get("phase") in ("Succeeded", "Failed")
            return over or self._generation != generation or len(self._output[name]) > count

        with self._changed:
            self._output.setdefault(name, [])
            self._changed.wait_for(done, 30)
            found = self._output[name][count:]
            return found if found and self._generation == generation else None

    @property
    def generation(self) -> int:
        with self._changed:
            return self._generation

    def expired(self, version: int) -> bool:
        with self._changed:
            return version < self._oldest

    def _publish(self, kind: str, pod: dict[str, Any]) -> None:
        self._version += 1
        pod["metadata"]["resourceVersion"] = str(self._version)
        self._events.append((self._version, kind, copy.deepcopy(pod)))
        self._changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        url, query = self._parts()
        if self._refused():
            return
        if url.endswith("/log"):
            self._send_output(url.split("/")[-2])
        elif query.get("watch"):
            self._send_changes(int(query["resourceVersion"]), query["labelSelector"])
        else:
            self._reply(200, self.api.listing(query["labelSelector"]))

    def do_POST(self) -> None:
        body = self._body()
        if not self._refused():
            self._reply(201, self.api.create(body))

    def do_DELETE(self) -> None:
        url, query = self._parts()
        body = self._body()
        if self._refused():
            return
        grace = query.get("gracePeriodSeconds", body.get("gracePeriodSeconds"))
        pod = self.api.ask_for_end(url.split("/")[-1], None if grace is None else int(grace))
        if pod is None:
            self._reply(404, {"kind": "Status", "message": "pods not found", "code": 404})
        else:
            self._reply(200, pod)

    def _send_changes(self, version: int, selector: str) -> None:
        generation = self.api.generation
        self._begin()
        if self.api.expired(version):
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            self._chunk(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            self._chunk(b"")
            return
        while events := self.api.events_after(version, generation):
            version = events[-1][0]
            for _, kind, pod in events:
                if _fits(pod, selector):
                    self._chunk(json.dumps({"type": kind, "object": pod}).encode() + b"\n")
        self.close_connection = True  # without a last chunk: it broke

    def _send_output(self, name: str) -> None:
        generation, count = self.api.generation, 0
        self._begin()
        while lines := self.api.lines_after(name, count, generation):
            count += len(lines)
            self._chunk(b"".join(line + b"\n" for line in lines))
        if self.api.generation == generation:
            self._chunk(b"")
        self.close_connection = True

    def _refused(self) -> bool:
        self.api.requests.append(f"{self.command} {self.path}")
        if self.api.refusal is None:
            return False
        status, message = self.api.refusal
        self._reply(status, {"kind": "Status", "message": message, "code": status})
        return True

    def _parts(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

    def _body(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        found: dict[str, Any] = json.loads(self.rfile.read(length)) if length else {}
        return found

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        if not self.api.answers:
            self.close_connection = True
            return
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.flush()


def _container(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "algorithm",
        "image": "digits:1",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }


def _fits(pod: dict[str, Any], selector: str) -> bool:
    name, _, value = selector.partition("=")
    return bool(pod["metadata"]["labels"].get(name) == value)
