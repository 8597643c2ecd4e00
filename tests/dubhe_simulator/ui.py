"""The API of a platform, and a `dubhe ui` process that offers it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlencode

PROGRAM = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "ui"]
HEADERS = {"Content-Type": "application/json", "X-Dubhe": "1"}


class Api:
    """A platform's API as a program uses it.

    Args:
        port: on loopback.
        token: if it demands one.
    """

    def __init__(self, port: int, token: str | None) -> None:
        self.port = port
        self.token = token

    def raw(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers in small letters and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None and "Cookie" not in names:
            names.setdefault("Authorization", f"Bearer {self.token}")
        connection.request(method, path, body, names)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, content

    def get(self, path: str, **query: object) -> Any:
        status, _, content = self.raw("GET", f"/api/{path}?{urlencode(query)}")
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, _status: int = 200, **body: object) -> Any:
        status, _, content = self.raw("POST", f"/api/{path}", json.dumps(body).encode(), **HEADERS)
        assert status == _status, content
        return json.loads(content)

    def instance(self, name: str) -> dict[str, Any]:
        [found] = [i for i in self.get("state")["instances"] if i["id"] == name]
        return dict(found)

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.get("state")["runs"] if run["instance"] == name]

    def wait(
        self, condition: Callable[[dict[str, Any]], Any], timeout: float = 30.0
    ) -> dict[str, Any]:
        """Return the first state for which a condition holds."""
        deadline = time.monotonic() + timeout
        while True:
            state: dict[str, Any] = self.get("state")
            if condition(state):
                return state
            if time.monotonic() > deadline:
                raise AssertionError(json.dumps({**state, "algorithm": None}, indent=1))
            time.sleep(0.05)

    def wait_state(self, name: str, expected: str, timeout: float = 30.0) -> dict[str, Any]:
        self.wait(
            lambda s: any(i["id"] == name and i["state"] == expected for i in s["instances"]),
            timeout,
        )
        return self.instance(name)

    def events(self, after: int = 0) -> Iterator[tuple[str, int, Any]]:
        """Yield (name, cursor, data) of events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connection.request("GET", f"/api/events?after={after}", headers=headers)
        reply = connection.getresponse()
        fields: dict[str, str] = {}
        try:
            while line := reply.readline().decode():
                if line == "\n":
                    if "data" in fields:
                        yield fields["event"], int(fields["id"]), json.loads(fields["data"])
                    fields = {}
                else:
                    name, _, value = line.rstrip("\n").partition(": ")
                    fields[name] = value
        finally:
            connection.close()


class Ui(Api):
    """Started on entering, ended on leaving."""

    def __init__(self, runs: Path, *arguments: object, **environment: str) -> None:
        command = [*PROGRAM, *map(str, arguments), "--runs-dir", str(runs), "--no-open"]
        if "--port" not in command:
            command += ["--port", "0"]
        self.runs = runs
        self._command = command
        self._environment = {**os.environ, **environment}

    def __enter__(self) -> Ui:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, env=self._environment
        )
        assert self.process.stdout is not None
        said = line = self.process.stdout.readline()
        while line and "http://" not in line:
            line = self.process.stdout.readline()
            said += line
        assert line, said
        self.link = line[line.index("http://") :].strip()
        self.url, _, token = self.link.partition("/?token=")
        self.token = unquote(token) or None
        self.port = int(self.url.rpartition(":")[2])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> int:
        """Ctrl-C, as a terminal sends it to one process; return the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    @property
    def worker(self) -> int:
        """The process that owns the platform."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        [worker] = children.read_text().split()
        return int(worker)

    def kill(self) -> None:
        """SIGKILL both of its processes at once."""
        worker = self.worker
        self.process.kill()
        os.kill(worker, 9)
        self.process.wait()


class Journal:
    """Writes an instance's journal as its sidecar does."""

    def __init__(self, folder: Path, instance: str) -> None:
        self.instance = instance
        self.folder = folder
        (folder / "journal").mkdir(parents=True)
        self.path = folder / "journal" / f"{0:020d}.jsonl"
        self._next = 0

    def line(
        self,
        mes_type: int,
        data: Any,
        seq: int | None = None,
        date: int | None = None,
        **headers: str,
    ) -> str:
        self._next += 1
        date = date if date is not None else 1_700_000_000_000 + self._next
        value = {
            "instance_id": self.instance,
            "request_number": self._next,
            "date": date,
            "mes_type": mes_type,
            "data": data,
        }
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        record = {
            "offset": self._next - 1,
            "topic": "als_model_result" if mes_type == 3 else "alg_model_progress",
            "key": self.instance,
            "timestamp": date,
            "headers": {"dubhe-writer": "w", "dubhe-seq": str(seq or self._next), **names},
            "value": value,
        }
        return json.dumps(record) + "\n"

    def report(self, mes_type: int, data: Any, **more: Any) -> None:
        self.write(self.line(mes_type, data, **more))

    def write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def start(self) -> None:
        self.report(1, {"action": "START", "status": 200, "msg": "starting"})

    def end(self, status: int = 200, msg: str = "ended") -> None:
        self.report(1, {"action": "END", "status": status, "msg": msg})
