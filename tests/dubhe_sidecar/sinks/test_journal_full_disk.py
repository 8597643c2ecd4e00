"""The journal on a full disk: it waits, and nothing is lost or repeated."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dubhe_sidecar.sinks import journal
from dubhe_sidecar.sinks.base import OutageCode
from tests.dubhe_sdk.spool.helpers import KIB, mounted
from tests.dubhe_sidecar.helpers import each, record
from tests.dubhe_sidecar.sinks.journal_helpers import deliver, opened, seqs
from tests.support.journal import read_journal
from tests.support.waiting import wait_for

BIG = b'{"n":"%s"}' % (b"x" * 1000)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    filler.write_bytes(b"x" * 40 * KIB)
    return filler


@pytest.mark.needs("root")
def test_a_full_disk_is_waited_for_and_whole_lines_stay(tmp_path):
    with mounted(tmp_path / "disk", "-o", "size=64k") as disk:
        sink = opened(disk)
        deliver(sink, 1)
        filler = fill(disk)
        for seq in range(2, 50):
            sink.send([record(seq, BIG)])
        told = [outcome.record.seq for outcome in each(sink.collect(0))]
        assert told == list(range(2, 2 + len(told)))
        assert 3 < len(told) < 40
        assert seqs(disk) == [1, *told]
        assert sink.state()["size"] == (disk / f"{0:020d}.jsonl").stat().st_size
        assert sink.outage is not None
        assert sink.outage.code is OutageCode.DISK
        assert "No space left" in sink.outage.text
        assert str(disk) in sink.outage.text
        assert sink.in_flight == 48 - len(told)
        assert not sink.collect(0)
        filler.unlink()
        wait_for(
            lambda: told.extend(o.record.seq for o in each(sink.collect(0.1))) or len(told) == 48
        )
        assert told == list(range(2, 50)) == seqs(disk)[1:]
        assert sink.outage is None
        assert sink.retries >= 1
        assert [message["offset"] for message in read_journal(disk)] == list(range(49))


@pytest.mark.needs("root")
def test_killed_on_a_full_disk_it_repeats_nothing_afterwards(tmp_path):
    with mounted(tmp_path / "disk", "-o", "size=64k") as disk:
        sink = opened(disk)
        deliver(sink, 1)
        state = sink.state()
        filler = fill(disk)
        for seq in range(2, 200):
            sink.send([record(seq, BIG)])
        sink.collect(0)
        sink.close()
        filler.unlink()
        again = opened(disk, state)
        already = again.delivered["writer-1"]
        assert already == frozenset(range(2, 2 + len(already)))
        assert len(already) > 3
        deliver(again, 2 + len(already))
        assert seqs(disk) == list(range(1, 3 + len(already)))


@pytest.mark.needs("root")
def test_what_is_handed_over_while_the_disk_is_full_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_BUFFER_BYTES", 8 * KIB)
    with mounted(tmp_path / "disk", "-o", "size=64k") as disk:
        sink = opened(disk)
        filler = fill(disk)
        sent: list[int] = []

        def send() -> None:
            for seq in range(1, 41):
                sink.send([record(seq, BIG)])
                sent.append(seq)

        sending = threading.Thread(target=send)
        sending.start()
        wait_for(lambda: sink.outage, "the full disk")
        held = len(sent) - len(seqs(disk))
        assert held <= 9
        assert sending.is_alive()
        before = sink.state()
        assert before == {"base": 0, "size": 0}, "nothing was collected yet"
        filler.unlink()
        sending.join(20)
        told = [outcome.record.seq for outcome in each(sink.collect(0))]
        assert told == list(range(1, 41)) == seqs(disk)
