"""Long life: memory and descriptors stay flat. ``python -m tests.faults.soak --help`` shows how.

Messages: one training reports so many a second, while the broker is stopped and started every
minute. Tasks: one service runs thousands of trainings that do next to nothing, over TCP or HTTP.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

from dubhe_sidecar.status import inspect
from tests.delivery.conftest import RESULT, STATUS, Delivered
from tests.dubhe_sdk.service.harness import TRAIN_ID, App
from tests.faults.footprints import Footprints
from tests.kafka.broker import Broker
from tests.kafka.jars import HarnessError
from tests.support.journal import says
from tests.support.waiting import wait_for

# A chain of sleeps would fall behind on a busy machine: the rate is kept on average.
ALGORITHM = """
import time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        rate = int(str(ctx.get(dubhe_sdk.ContextKey.KEY_ALGORITHM_ID)).split("-")[0])
        begin, said, burst = time.monotonic(), 0, Path("burst")
        while rate and not Path("stop").exists():
            if burst.exists():  # so many at once, then the rate again
                begin -= int(burst.read_text()) / rate
                burst.unlink()
            while said < (time.monotonic() - begin) * rate:
                ctx.logProgressByBatch(0, said, 2**31, 0.5, {"index": said, "loss": 0.25})
                if said % 100 == 0:
                    ctx.logResultDetails("a.png", "a", "b", 0.5)
                said += 1
            time.sleep(0.005)
        if rate:
            Path("said").write_text(str(said))
"""
_SETTLED_SECONDS = 120.0
_TASK_SECONDS = 1.0  # on average, on a very busy machine
# More than the sidecar has on its way at most: 20 000 records.
_BURST = 25_000


class Outages:
    """Stops and starts a broker from time to time, in a thread; a context manager.

    Args:
        broker: running.
        every_seconds: from one stop to the next.
    """

    def __init__(self, broker: Broker, every_seconds: float) -> None:
        self.count = 0
        self._broker = broker
        self._every = every_seconds
        self._end = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(self._every):
            try:
                self._broker.stop()
                self._broker.start()
                self.count += 1
            except (HarnessError, OSError) as error:  # given by the end of the context
                self._failed = error
                return

    def __enter__(self) -> Outages:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed


def messages(
    folder: Path,
    broker: Broker,
    seconds: float,
    rate: int,
    *,
    outage_every: float,
    sample_every: float,
    outages_min: int = 0,
) -> tuple[Footprints, str]:
    """Run a training that reports messages; return what was seen, and a line about the delivery.

    Early there is a burst while the broker is away, so that the sidecar's queues are as full as
    they ever get before anything is measured.

    Raises:
        AssertionError: something was lost, repeated or out of order.
    """
    for topic in (STATUS, RESULT):
        broker.create_topic(topic)
    env = {
        "PLATFORM_TYPE": "1",
        "BOOTSTRAP_SERVERS": broker.bootstrap,
        "TOPIC_MODEL_STATUS": STATUS,
        "TOPIC_MODEL_RESULT": RESULT,
        "DUBHE_DRAIN_TIMEOUT_SECONDS": str(_SETTLED_SECONDS),
    }
    with App(folder, ALGORITHM, TRAIN_ID, "tcp", env) as app:
        app.start(until=None)
        wait_for(lambda: "READY" in app.log, lambda: app.console, 60)
        assert app.train(algorithm_id=str(rate))["flag"] == 1
        spool = app.temporary / "spool"
        wait_for(lambda: inspect(spool).delivered > rate, lambda: app.console, 60)
        broker.stop()
        app.write("burst.new", str(_BURST))
        (folder / "burst.new").rename(folder / "burst")
        wait_for(lambda: inspect(spool).undelivered > _BURST, lambda: app.console, 60)
        broker.start()
        wait_for(lambda: inspect(spool).undelivered < 2 * rate, lambda: app.console, 120)
        prints = Footprints(app)
        with Outages(broker, outage_every) as outages:
            prints.sample_for(seconds, sample_every)
            prints.sample_for(_SETTLED_SECONDS, sample_every, lambda: outages.count >= outages_min)
        (folder / "stop").touch()
        reported = int(app.wait_file("said"))
        app.terminate()
        assert app.wait(_SETTLED_SECONDS + 60) == 0, app.console
    seen = Delivered(broker.bootstrap)
    assert seen.actions == ["READY 200", "START 200", "END 200"], seen.actions
    assert seen.indices == list(range(reported)), f"{reported} said, {len(seen.indices)} arrived"
    assert len(seen.results) == (reported + 99) // 100
    assert seen.repeated == []
    return prints, (
        f"{reported + len(seen.results)} messages in {seconds:.0f} s, {outages.count} restarts of "
        "the broker: 0 lost, 0 repeated, 0 out of order"
    )


def tasks(folder: Path, protocol: str, count: int, sample_every: int) -> tuple[Footprints, str]:
    """Run so many trainings on one service, one after the other.

    Raises:
        AssertionError: a task was not accepted, or has not ended well.
    """
    with App(folder, ALGORITHM, TRAIN_ID, protocol) as app:
        app.start()
        prints = Footprints(app)
        client = app.client()
        begin = time.monotonic()
        for number in range(count):
            request = {
                "req_type": 1,
                "instance_id": TRAIN_ID,
                "data_paths": [],
                "algorithm_id": f"0-{number}",
            }
            while client.send(request)["flag"] != 1:  # busy with the one before
                assert time.monotonic() < begin + _TASK_SECONDS * (number + 10), app.console[-2000:]
            if number % sample_every == 0:
                prints.sample()
        took = time.monotonic() - begin
        wait_for(lambda: app.reported[-1] == "END 200", lambda: app.console[-2000:], 60)
        app.terminate()
        assert app.wait(60) == 0
        reported = [says(message) for message in app.messages]
    assert reported == ["READY", *["START", "END 200"] * count]
    return prints, f"{count} tasks over {protocol} in {took:.0f} s, {count / took:.0f} a second"


def main(argv: list[str] | None = None) -> int:
    """Run both; print the figures. Returns 0 if all is flat and nothing is lost, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.soak",
        description="Run a training for a long time with a broker that restarts every minute, then "
        "thousands of tasks on one service; show memory and descriptors of every process.",
        epilog="Exit status: 0 all flat and delivered, 1 not; the text says what.",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of the training (10)")
    parser.add_argument("--rate", type=int, default=1000, help="messages a second (1000)")
    parser.add_argument("--tasks", type=int, default=10_000, help="half TCP, half HTTP (10000)")
    parser.add_argument("--grow", type=float, default=4.0, help="MiB a process may grow by (4)")
    options = parser.parse_args(argv)
    allowed = int(options.grow * 1024)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            if options.minutes:
                with Broker(folder / "kafka") as broker:
                    _show(
                        *messages(
                            *(folder / "messages", broker, options.minutes * 60, options.rate),
                            outage_every=60.0,
                            sample_every=2.0,
                        ),
                        allowed,
                    )
            for protocol in ("tcp", "http") if options.tasks else ():
                half = options.tasks // 2
                _show(*tasks(folder / protocol, protocol, half, max(1, half // 100)), allowed)
        except AssertionError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


def _show(prints: Footprints, line: str, allowed_kib: int) -> None:
    sys.stdout.write(f"{line}\n{prints.table()}\n")
    sys.stdout.flush()
    prints.check(allowed_kib)


if __name__ == "__main__":
    sys.exit(main())
