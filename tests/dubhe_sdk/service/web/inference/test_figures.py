from __future__ import annotations

import gevent
import pytest

from dubhe_sdk.service.web.inference.errors import InferenceOverloaded
from dubhe_sdk.service.web.inference.figures import Histogram
from dubhe_sdk.service.web.inference.pool import ModelPool


def test_a_value_is_counted_where_it_does_not_exceed_the_bound() -> None:
    histogram = Histogram((1, 2, 4))
    for value in (0, 1, 2, 3, 4, 5, 100):
        histogram.add(value)
    assert histogram.to_json() == {"bounds": [1, 2, 4], "counts": [2, 1, 2, 2], "sum": 115.0}


def test_what_waits_and_what_is_refused_is_counted() -> None:
    pool = ModelPool(["/nowhere"], concurrency=1, queue=1)
    pool.pause()
    waiting = gevent.spawn(pool.infer, b"{}")
    gevent.sleep(0)
    assert pool.describe()["waiting"] == 1
    with pytest.raises(InferenceOverloaded):
        pool.infer(b"{}")
    figures = pool.describe()
    assert (figures["refused"], figures["begun_at_once"], sum(figures["waits"]["counts"])) == (
        1,
        0,
        0,
    )
    pool.mark_unavailable([])
    gevent.joinall([waiting], timeout=20)
    assert sum(pool.describe()["waits"]["counts"]) == 1
