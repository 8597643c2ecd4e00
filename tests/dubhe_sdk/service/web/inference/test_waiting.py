from __future__ import annotations

import pytest

from dubhe_sdk.service.web.inference.errors import ClientGone
from dubhe_sdk.service.web.inference.figures import InferenceFigures
from dubhe_sdk.service.web.inference.waiting import Waiter, WaitingLine


class Gone:
    def has_gone(self) -> bool:
        return True

    def others_have_come(self) -> bool:
        return True


def bodies(waiters: list[Waiter]) -> list[bytes]:
    return [waiter.body for waiter in waiters]


def test_who_had_a_turn_already_gets_the_former_place_back() -> None:
    line = WaitingLine(InferenceFigures())
    a, b, c, d = (Waiter(body, None) for body in (b"a", b"b", b"c", b"d"))
    for waiter in (c, d, a, b):  # a and b come back, one after the other
        line.add(waiter)
    line.add(Waiter(b"first", None, first=True))
    assert bodies(line.pop_living(9)) == [b"first", b"a", b"b", b"c", b"d"]
    assert len(line) == 0


def test_those_whose_client_has_gone_take_no_place_in_a_batch() -> None:
    line = WaitingLine(InferenceFigures())
    gone = Waiter(b"gone", Gone())
    for waiter in (Waiter(b"a", None), gone, Waiter(b"b", None), Waiter(b"c", None)):
        line.add(waiter)
    assert bodies(line.pop_living(2)) == [b"a", b"b"]
    with pytest.raises(ClientGone):
        gone.slot.get(block=False)
    assert line[0].body == b"c"


def test_all_that_have_gone_make_room() -> None:
    figures = InferenceFigures()
    line = WaitingLine(figures)
    stays = Waiter(b"stays", None)
    for waiter in (Waiter(b"x", Gone()), stays, Waiter(b"y", Gone())):
        line.add(waiter)
    line.drop_gone()
    assert (len(line), line[0]) == (1, stays)
    assert figures.abandoned == 2
    line.remove(stays)
    assert len(line) == 0
