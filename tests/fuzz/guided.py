"""Coverage-guided: atheris against the handler, in one process. By hand.

    pip install atheris && python -m tests.fuzz.guided -max_total_time=60

atheris is no requirement of the tests, since it has no wheel for every Python. Arguments are
libFuzzer's. A finding is an exception: a reply that is none of the contract's.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import atheris

with atheris.instrument_imports():
    from dubhe_sdk.contract import requests
    from dubhe_sdk.contract.kind import TaskKind
    from dubhe_sdk.contract.requests import RequestType
    from dubhe_sdk.service.state import Phase, ServiceState, StartReply
    from dubhe_sdk.service.web import handler

from tests.fuzz.payloads import payload
from tests.fuzz.replies import check

INSTANCE = "modelid1-algorithm1-inference-1-1"
ROUTES: tuple[RequestType | None, ...] = (None, *RequestType)


class Backend:
    """A model that repeats, and a parent that says yes."""

    state = ServiceState(Phase.READY, INSTANCE, TaskKind.INFER, platform_mode=True)

    def start_task(self, type_: RequestType, request: dict[str, Any]) -> StartReply:
        return StartReply.STARTED

    def infer(self, body: bytes, client: object) -> bytes:
        return b"[]"


HANDLER = handler.RequestHandler(Backend(), 1 << 20)


def one_input(data: bytes) -> None:
    route = ROUTES[data[0] % len(ROUTES)] if data else None
    check(HANDLER.handle(data[1:], route))


def main() -> None:
    assert requests.ROUTES
    random = Random(1)
    with tempfile.TemporaryDirectory(prefix="dubhe-corpus-") as corpus:
        for number in range(2000):
            Path(corpus, str(number)).write_bytes(bytes([number % 5]) + payload(random))
        atheris.Setup([*sys.argv, corpus], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
