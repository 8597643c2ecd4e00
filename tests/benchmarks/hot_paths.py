"""The hot paths, each called COUNT times: ``python hot_paths.py PATH FOLDER COUNT``.

Runs under an instrument that counts instructions, which makes everything about 50 times slower.
What depends on the time therefore gets a clock of its own, so that counts do not depend on the
machine.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dubhe_sdk.service.web.client import Client
    from dubhe_sdk.service.web.handler import RequestHandler
    from dubhe_sdk.service.web.inference.pool import ModelPool
    from dubhe_sidecar.record import OutgoingRecord

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "sidecar")]

INSTANCE = "modelid1-bench-inference-1"
FRAME_BYTES = 230
CALL_NS = 3_000


def floor(folder: Path, count: int) -> None:
    """Hand as many bytes to the kernel as a metric's frame has: what the rest is compared to."""
    fd = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    data = b"x" * FRAME_BYTES
    for _ in range(count):
        os.write(fd, data)


def metric(folder: Path, count: int) -> None:
    """Report a metric after a batch: the call in the training loop."""
    report = _reporter(folder)
    for step in range(count):
        report(step)


def metric_in_python(folder: Path, count: int) -> None:
    """Report three metrics where nothing is in C, or a value is not plain."""
    report = _reporter(folder, in_c=False)
    for step in range(count):
        report(step)


def metric_slower_by_a_third(folder: Path, count: int) -> None:
    """The same with every third call made twice: what a regression would look like."""
    report = _reporter(folder)
    for step in range(count):
        report(step)
        if step % 3 == 0:
            report(step)


def metric_without_shortcut(folder: Path, count: int) -> None:
    """`metric_in_python` where the cleaning of the metrics has lost its shortcut."""
    from dubhe_sdk.api.metrics import MetricsCleaner

    MetricsCleaner.clean = MetricsCleaner._clean_each  # type: ignore[method-assign]
    metric_in_python(folder, count)


def record(folder: Path, count: int) -> None:
    """Put frames that lie in the spool into batches: most of the sidecar's work for a message."""
    from kafka.structs import TopicPartition

    from dubhe_sdk.spool.merge import FrameRun
    from dubhe_sdk.spool.reader import StreamReader
    from dubhe_sidecar.convert import to_records
    from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
    from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun, RecordBatch

    def new_batch() -> RecordBatch:
        return RecordBatch(
            TopicPartition("t", 0), KafkaLimits().batch_bytes, lambda pending, error: None
        )

    (segment,) = (folder / "spool").glob("*.seg")
    stream, _, number = segment.stem.rpartition(".")
    reader = StreamReader(folder / "spool", stream, int(number))
    batch = new_batch()
    done = 0
    while done < count:
        frames = reader.read()
        run = FrameRun(stream, reader.number, frames, reader.description)
        pending = PendingRun(to_records(run), 1)
        placed = batch.add(pending, 0)
        while placed < len(frames):
            batch = new_batch()
            placed = batch.add(pending, placed)
        done += len(frames)


def drain(folder: Path, count: int) -> None:
    """Deliver a spool to a sink that accepts everything: reading, order, positions, cursor."""
    from dubhe_sdk.spool.destination import Destination
    from dubhe_sidecar.drain import Drain
    from dubhe_sidecar.sinks.base import DeliveryOutcome

    class Accepting:
        name = "accepting"
        destination = Destination("accepting")
        delivered: Mapping[str, frozenset[int]] = {}

        def __init__(self) -> None:
            self.outcomes: list[DeliveryOutcome] = []

        def open(self, state: object, **_: object) -> None:
            pass

        def connect(self) -> None:
            pass

        def advance(self) -> bool:
            return False

        def forget_delivered(self) -> None:
            pass

        def state(self) -> dict[str, object]:
            return {}

        @property
        def in_flight(self) -> int:
            return len(self.outcomes)

        def send(self, records: Sequence[OutgoingRecord]) -> None:
            self.outcomes.append(DeliveryOutcome(records, None))

        def collect(self, timeout: float) -> list[DeliveryOutcome]:
            outcomes, self.outcomes = self.outcomes, []
            return outcomes

    one = Drain(folder / "spool", Accepting(), everything=True)  # type: ignore[arg-type]
    one.open()
    while one.step():
        pass
    assert one.cursor.totals.delivered == count + 1  # and the first report, which opens the stream


REQUEST = (
    b'{"req_type":3,"instance_id":"modelid1-bench-inference-1","request_number":7,'
    b'"image_base_dir":"/data/images","image_names":["a.jpg"],"resource_type":1,'
    b'"resource_allocation":{"CUDA_VISIBLE_DEVICES":"0"}}'
)


def request(folder: Path, count: int) -> None:
    """Answer an inference request: the web front's own work, without sockets and model."""
    handler = _handler()
    assert b'"flag":1' in handler.handle(REQUEST, None)
    for _ in range(count):
        handler.handle(REQUEST, None)


def http_request(folder: Path, count: int) -> None:
    """The same over HTTP, with the head of the request and of the reply."""
    from types import SimpleNamespace

    from dubhe_sdk.service.web.http import plain_connection
    from dubhe_sdk.service.web.limits.connections import Connections
    from dubhe_sdk.service.web.limits.memory_budget import MemoryBudget

    message = (
        b"POST /predict/multiple HTTP/1.1\r\nHost: 127.0.0.1:8030\r\nUser-Agent: bench/1.0\r\n"
        b"Accept: */*\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    ) % (len(REQUEST), REQUEST)

    class Stream:
        left = count
        sent = b""

        def recv_idle(self, size: int) -> bytes:
            self.left -= 1
            return message if self.left >= 0 else b""

        def sendall(self, data: bytes, seconds: float) -> None:
            self.sent = data

        def fileno(self) -> int:
            return -1

    plain_connection.time = lambda: 1e9  # else how often the date changes depends on the machine
    stream = Stream()
    runtime = SimpleNamespace(
        handler=_handler(),
        options=SimpleNamespace(transfer_timeout_seconds=30.0, max_request_bytes=1 << 20),
        budget=MemoryBudget(1 << 20),
        connections=Connections(10),
        ended=SimpleNamespace(is_set=lambda: False),
    )
    runtime.connections.add(stream)
    plain_connection.PlainConnection(stream, runtime).serve()
    assert b'"flag":1' in stream.sent


def tcp_request(folder: Path, count: int) -> None:
    """The same over TCP with real sockets, and a real connection to a model."""
    from tests.benchmarks import serving_paths

    serving_paths.serve_over_tcp(_handler, REQUEST, folder, count)


def model_request(folder: Path, count: int) -> None:
    """Run the method for an inference: the model process's own work, with a real socket."""
    from tests.benchmarks import serving_paths

    serving_paths.infer_in_model(REQUEST, folder, count)


def batched_request(folder: Path, count: int) -> None:
    """Answer requests that come together by calls of a method that takes batches."""
    from tests.benchmarks import serving_paths

    batch = serving_paths.BATCH
    serving_paths.serve_together(_handler, REQUEST, folder, count, clients=batch, batch=batch)


def batched_model_request(folder: Path, count: int) -> None:
    """Run a method that takes batches for a request in one: the model process's own work."""
    from tests.benchmarks import serving_paths

    serving_paths.infer_in_model(REQUEST, folder, count, serving_paths.BATCH)


def shared_out_request(folder: Path, count: int) -> None:
    """Answer requests that come together by two model processes."""
    from tests.benchmarks import serving_paths

    serving_paths.serve_together(
        _handler, REQUEST, folder, count, clients=serving_paths.CLIENTS, processes=2
    )


def _handler(pool: ModelPool | None = None) -> RequestHandler:
    from dubhe_sdk.contract.kind import TaskKind
    from dubhe_sdk.contract.requests import RequestType
    from dubhe_sdk.service.state import Phase, ServiceState, StartReply
    from dubhe_sdk.service.web.handler import RequestHandler

    class Backend:
        state = ServiceState(Phase.READY, INSTANCE, TaskKind.INFER)

        def start_task(self, type_: RequestType, request: object) -> StartReply:
            raise AssertionError("an inference starts no task")

        def infer(self, body: bytes, client: Client | None) -> bytes:
            if pool is not None:
                return pool.infer(body, client)
            return b'[{"img_path":"a.jpg","info":[]}]'

    return RequestHandler(Backend(), 1 << 20)


def _reporter(folder: Path, *, in_c: bool = True) -> Callable[[int], None]:
    import dubhe_sdk
    from dubhe_sdk.spool import writer

    os.environ["DUBHE_TEMPORARY"] = str(folder)
    writer.monotonic_ns = itertools.count(1, CALL_NS).__next__
    context = dubhe_sdk.Context({})
    metrics = {"loss": 0.123456}
    if not in_c:
        metrics |= {"accuracy": 0.75, "lr": 0.001}

    def report(step: int) -> None:
        context.logProgressByBatch(1, step, 1000, 0.5, metrics)

    report(0)
    if in_c:
        assert context._reports.append_batch is not None, "_stream_state.c is not built"
    else:
        context._reports.append_batch = None
    return report


PATHS = {
    path.__name__: path
    for path in (
        floor,
        metric,
        metric_in_python,
        metric_slower_by_a_third,
        metric_without_shortcut,
        record,
        drain,
        request,
        http_request,
        tcp_request,
        model_request,
        batched_request,
        batched_model_request,
        shared_out_request,
    )
}

if __name__ == "__main__":
    PATHS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
