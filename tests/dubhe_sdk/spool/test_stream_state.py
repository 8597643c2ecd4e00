"""The append in C: the bytes of the way in Python, and its promises."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubhe_sdk.api.metrics import MetricsCleaner
from dubhe_sdk.contract.messages import MessageType, encode_value
from dubhe_sdk.reporting import encoding
from dubhe_sdk.spool import frame
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.stream_state import PythonStreamState, StreamState
from dubhe_sdk.spool.writer import SpoolWriter
from tests.dubhe_sdk.spool import child as children
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    ROOT,
    append,
    child,
    dropped_in,
    make_writer,
    mounted,
    read_spool,
    segments,
)
from tests.support.environ import clean_environ

pytestmark = pytest.mark.needs("a C compiler")

PREFIX = b'{"instance_id":"a-b-train-1","request_number":'
PLAIN = (1, 2, 3, 0.5, {"loss": 0.25})


@pytest.fixture(autouse=True)
def built() -> None:
    assert StreamState is not PythonStreamState, (
        "dubhe_sdk/spool/_stream_state.c is not built: install a C compiler and Python's headers "
        "(Debian: gcc libc6-dev python3-dev), then pip install -e ./core"
    )


def appending(writer: SpoolWriter) -> Callable[..., bool]:
    """Return a writer's append in C, with an open segment."""
    assert writer.append_batch is not None
    writer.number_messages(PREFIX, 1)
    assert writer.append(Kind.START, b"{}", 1)
    return writer.append_batch


def epochs(directory: Path) -> list[int]:
    """Return the epochs of a spool's progress."""
    values = [json.loads(spooled.frame.value) for spooled in read_spool(directory)]
    return [value["data"]["epoch"] for value in values if value.get("mes_type") == 2]


names = st.text(st.characters(exclude_characters='"\\', exclude_categories=("Cc", "Cs")))
names = names.filter(lambda name: name not in ("progress", "epoch"))
floats = st.floats(allow_nan=False, allow_infinity=False)
narrow = st.floats(width=32, allow_nan=False, allow_infinity=False)
wholes = st.integers(-(2**63), 2**63 - 1)
batches = st.integers(0, 2**32 - 1)


@given(
    metrics=st.dictionaries(names, floats | narrow | wholes, max_size=8),
    epoch=wholes,
    batch=batches,
    count=batches,
    progress=st.floats(0, 1),
    number=st.integers(1, 2**63 - 2),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_bytes_are_those_of_the_way_in_python(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    metrics: dict[str, float],
    epoch: int,
    batch: int,
    count: int,
    progress: float,
    number: int,
) -> None:
    monkeypatch.setattr(encoding, "_orjson_dumps", None)  # has other digits for the same numbers
    data = MetricsCleaner(pytest.fail).clean(metrics) | {"progress": progress, "epoch": epoch}
    folder = tmp_path_factory.mktemp("spool")
    writer = make_writer(folder)
    append_batch = appending(writer)
    writer.number_messages(PREFIX, number)
    accepted = append_batch(epoch, batch, count, progress, metrics)
    _, *found = (spooled.frame for spooled in read_spool(folder))
    (segment,) = segments(folder)
    last = segment.read_bytes()
    writer.close()
    shutil.rmtree(folder)
    content = encoding.dumps_numbers(data)
    if not accepted:
        assert len(content) > 3 * KIB
        return
    (one,) = found
    value = encode_value(PREFIX, number, one.date_ms, MessageType.PROGRESS, content)
    assert one.value == value
    whole = frame.encode(Kind.PROGRESS, 2, one.time_ns, one.date_ms, value, batch, count)
    assert last.endswith(whole)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((1, 2, 3, 0.5, metrics), id=f"metrics {index}")
        for index, metrics in enumerate(
            [
                *({"a": value} for value in (True, None, "1", np.float32(1), np.float64(1), [1.0])),
                *({"a": value} for value in (float("nan"), float("inf"), 2**63, -(2**63) - 1)),
                *({name: 1.0} for name in ("progress", "epoch", 'a"', "a\\", "a\n", "\ud800", 1)),
                *(None, [("a", 1.0)], MappingProxyType({"a": 1.0})),
                {"a" * 5000: 1.0},
                {f"a{index}": 0.1 for index in range(500)},
                {"first": 0.5, "second": float("nan")},
            ]
        )
    ]
    + [
        pytest.param((*numbers, {"a": 1.0}), id=str(numbers))
        for numbers in [
            *((1, 2, 3, progress) for progress in (1, True, "0.5", float("nan"), -0.1, 1.1, None)),
            *((epoch, 2, 3, 0.5) for epoch in (True, 1.0, 2**63, None)),
            *((1, batch, 3, 0.5) for batch in (-1, 2**32, 1.0, True)),
            *((1, 2, count, 0.5) for count in (-1, 2**32, 2**64)),
        ]
    ],
)
def test_what_is_not_plain_changes_nothing(tmp_path: Path, arguments: tuple[Any, ...]) -> None:
    writer = make_writer(tmp_path)
    append_batch = appending(writer)
    (segment,) = segments(tmp_path)
    before = segment.read_bytes()
    assert append_batch(*arguments) is False
    assert segment.read_bytes() == before
    assert writer.next_request_number() == 1
    assert append_batch(*PLAIN) is True
    assert [spooled.frame.seq for spooled in read_spool(tmp_path)] == [1, 2]


def test_no_stream_a_pause_and_a_closed_writer_are_left_to_python(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    writer.number_messages(PREFIX, 1)
    assert writer.append_batch is not None
    assert not writer.append_batch(*PLAIN)
    append_batch = appending(writer)
    writer.pause()
    assert not append_batch(*PLAIN)
    writer.resume()
    assert append_batch(*PLAIN)
    writer.close()
    assert not append_batch(*PLAIN)
    assert epochs(tmp_path) == [1]


def test_an_identity_that_is_too_long_is_left_to_python(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    append_batch = appending(writer)
    writer.number_messages(b"x" * 1000, 7)
    assert not append_batch(*PLAIN)
    assert writer.next_request_number() == 7


def test_wrong_arguments_are_errors(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    append_batch = appending(writer)
    with pytest.raises(TypeError, match="5 arguments"):
        append_batch(1)
    with pytest.raises(TypeError):
        writer.number_messages("text", 1)  # type: ignore[arg-type]


def test_a_removed_spool_is_found_at_the_next_check(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "spool")
    append_batch = appending(writer)
    shutil.rmtree(tmp_path / "spool")
    writer._next_check_ns = 0  # as after 50 ms
    assert not append_batch(*PLAIN)
    assert append(writer, b"{}")  # makes it again
    assert append_batch(*PLAIN)
    assert epochs(tmp_path / "spool") == [1]


def test_it_wakes_the_sidecar_after_a_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(tmp_path)
    append_batch = appending(writer)
    nudged: list[int] = []
    monkeypatch.setattr(writer._wake, "nudge", lambda: nudged.append(writer._seq))
    writer._next_check_ns = 2**62
    assert append_batch(*PLAIN)  # not asked yet
    writer._next_check_ns = 0
    assert append_batch(*PLAIN)  # asked, and no silence
    writer._next_check_ns = writer._last_ns = 0
    assert append_batch(*PLAIN)
    assert append_batch(*PLAIN)
    assert nudged == [4]
    assert writer._next_check_ns > 0

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer._wake, "nudge", interrupted)
    writer._next_check_ns = writer._last_ns = 0
    with pytest.raises(KeyboardInterrupt):
        append_batch(*PLAIN)
    assert append_batch(*PLAIN)
    assert [spooled.frame.seq for spooled in read_spool(tmp_path)] == list(range(1, 8))


def test_segments_roll(tmp_path: Path) -> None:
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=4 * KIB))
    for number in range(200):
        children.report(writer, number)
    assert epochs(tmp_path) == list(range(200))
    assert len(segments(tmp_path)) > 5
    assert all(path.stat().st_size < 5 * KIB for path in segments(tmp_path))


def test_a_short_write_is_cut_off(tmp_path: Path) -> None:
    with child("limited_batches", tmp_path, 20 * KIB) as process:
        counted = int(process.line())
        assert process.wait() == 0
    assert counted > 0
    frames = read_spool(tmp_path)
    assert [spooled.frame.seq for spooled in frames] == list(range(1, len(frames) + 1))
    assert epochs(tmp_path) == list(range(200))
    assert all(path.stat().st_size <= 20 * KIB for path in segments(tmp_path))
    assert all(path.read_bytes().endswith(b"}}") for path in segments(tmp_path))  # nothing torn


@pytest.mark.needs("root")
def test_a_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        writer = make_writer(disk / "spool", SpoolLimits(segment_bytes=64 * KIB))
        accepted = [number for number in range(3000) if children.report(writer, number)]
        assert 100 < len(accepted) < 2900
        assert epochs(disk / "spool") == accepted
        assert dropped_in(disk / "spool") == 3000 - len(accepted)


def test_a_killed_writer_leaves_whole_frames(tmp_path: Path) -> None:
    with child("report_for_ever", tmp_path) as process:
        lines = [int(process.line()) for _ in range(random.randint(1, 300))]
        process.kill()
        told = [*lines, *map(int, process.rest())]
    found = epochs(tmp_path)
    assert found == list(range(len(found)))
    assert len(found) - 1 in (told[-1], told[-1] + 1)


def test_a_forked_child_has_a_stream_and_numbers_of_its_own(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    append_batch = appending(writer)
    assert append_batch(*PLAIN)
    pid = os.fork()
    if pid == 0:
        refused = append_batch(*PLAIN) is False
        children.report(writer, 7)
        os._exit(0 if refused and append_batch(*PLAIN) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert append_batch(*PLAIN)
    frames = read_spool(tmp_path)
    own = [spooled.frame.seq for spooled in frames if spooled.stream == writer.stream]
    assert own == [1, 2, 3]
    assert len(frames) == 5


def test_threads_share_one_stream_with_the_way_in_python(tmp_path: Path) -> None:
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=16 * KIB))
    appending(writer)

    def talk(thread: int) -> None:
        for number in range(400):
            if thread % 2:
                assert append(writer, b'{"data":[%d]}' % number)
            else:
                assert children.report(writer, number)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=talk, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    frames = [spooled.frame for spooled in read_spool(tmp_path)]
    assert [one.seq for one in frames] == list(range(1, 1602))
    assert [one.time_ns for one in frames] == sorted(one.time_ns for one in frames)


def test_handlers_that_report_and_that_raise(tmp_path: Path) -> None:
    """A handler reports within whatever was interrupted; what it raises tears nothing."""
    with child("interrupted_batches", tmp_path, 300) as process:
        counted = int(process.line())
        assert process.wait() == 0
    frames = read_spool(tmp_path)
    assert [spooled.frame.seq for spooled in frames] == list(range(1, len(frames) + 1))
    found = epochs(tmp_path)
    assert len(found) == len(set(found))
    assert counted - 300 <= len([epoch for epoch in found if epoch >= 0]) <= counted


_WITHOUT = """
import sys
sys.modules["dubhe_sdk.spool._stream_state"] = None
from dubhe_sdk.spool import stream_state
assert stream_state.StreamState is stream_state.PythonStreamState
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_without_it_everything_is_done_in_python() -> None:
    """The tests of what a report becomes pass there too."""
    files = ("spool/test_writer.py", "reporting/test_reporter.py", "api/test_context_reports.py")
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, *(f"tests/dubhe_sdk/{file}" for file in files)],
        cwd=ROOT,
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_signals_are_not_lost_during_it(tmp_path: Path) -> None:
    """It holds the interpreter lock; a handler runs when it returns."""
    append_batch = appending(make_writer(tmp_path))
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, stack: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while not seen:
            assert append_batch(*PLAIN)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == [signal.SIGALRM]
