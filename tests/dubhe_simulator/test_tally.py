from __future__ import annotations

from dubhe_simulator.contract.message import Message
from dubhe_simulator.tally import Tally


def progress(writer: str | None, seq: int) -> Message:
    headers = {"dubhe-writer": writer, "dubhe-seq": str(seq)} if writer else {}
    return Message("t", 0, headers, {"mes_type": 2, "data": {"progress": 0.5}})


def tally(*messages: Message) -> Tally:
    result = Tally()
    result.add(messages)
    return result


def test_complete() -> None:
    t = tally(progress("a", 1), progress("b", 1), progress("a", 2))
    assert (t.said, t.received, t.gaps, t.repeats, t.complete) == (3, 3, 0, 0, True)


def test_a_gap_and_a_missing_beginning() -> None:
    t = tally(progress("a", 2), progress("a", 4))
    assert (t.said, t.received, t.gaps, t.complete) == (4, 2, 2, False)


def test_a_repeat() -> None:
    t = tally(progress("a", 1), progress("a", 2), progress("a", 1))
    assert (t.said, t.received, t.repeats, t.complete) == (2, 3, 1, False)


def test_without_numbers_nothing_is_proved() -> None:
    t = tally(progress(None, 0))
    assert (t.said, t.received, t.unnumbered) == (1, 1, 1)


def test_words() -> None:
    def word(mes_type: object, data: object) -> str:
        return Message("t", 0, {}, {"mes_type": mes_type, "data": data}).word

    assert word(0, {"action": "READY"}) == "READY"
    assert word(1, {"action": "END", "status": 300}) == "END"
    assert word(2, {}) == "progress"
    assert word(3, []) == "result"
    assert word(9, []) == word(None, None) == "other"
