"""Values that are reported or returned and are no JSON, no number, or not what they look like."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.hostile.case import BOTH, Case, algorithm
from tests.hostile.observation import Observation
from tests.hostile.play import Play

_TOP = """
import collections, dataclasses, decimal, enum, fractions

class Scalar:
    '''Of numpy, torch and the like.'''
    def __init__(self, value): self.value = value
    def item(self): return self.value

class Breaks:
    def __float__(self): raise OSError("the device is gone")
    def item(self): raise OSError("the device is gone")
    def __str__(self): raise OSError("no text")
    __repr__ = __str__

@dataclasses.dataclass
class Box:
    x: int
    label: str

class Colour(enum.Enum):
    RED = 1
"""

_METRICS = """
metrics = {
    "int": 1, "bool": True, "float": 0.5, "huge": 10**400, "tiny": 1e-320,
    "nan": float("nan"), "infinity": float("-inf"),
    "scalar": Scalar(0.25), "decimal": decimal.Decimal("0.125"),
    "fraction": fractions.Fraction(1, 8),
    "损失/训练": 2.0, "": 3.0, 7: 4.0, None: 5.0,
    "text": "0.5", "none": None, "list": [1, 2], "broken": Breaks(), "progress": 9, "epoch": 9,
}
before = dict(metrics)
ctx.logProgressByEpoch(1, 0.5, metrics)
note("unchanged", yes=list(map(id, before.values())) == list(map(id, metrics.values())))
report(ctx)
"""

_ODD_CALLS = """
for progress in (-1, 2, "50%", None, float("nan"), [1], Breaks(), 10**400, True, "0.5"):
    ctx.logProgress(progress)
for epoch in ("3", 3.0, None, -1, 10**30, Breaks(), float("inf")):
    ctx.logProgressByEpoch(epoch, 0.5, {})
    ctx.logProgressByBatch(epoch, epoch, epoch, 0.5, {})
for metrics in (None, [], [("loss", 1)], "loss", 5, Breaks(), {"loss": Breaks()}):
    ctx.logProgressByEpoch(1, 0.5, metrics)
report(ctx)
"""

_RESULTS = """
loop = []
loop.append(loop)
deep = []
for _ in range(100_000): deep = [deep]
class Text(str): pass
for value in (
    loop, deep, Breaks(), Box(1, "a"), Colour.RED, b"\\xff", {1, 2}, (1, 2), 10**400, 1e400,
    "\\udcb9.png", "\\x00\\u2028", {(1, 2): 3, None: 4, Breaks(): 5}, Text("text"), object, ...,
    None,
    {"a": {"b": [float("nan")]}}, collections.OrderedDict(a=1), Exception("e"), lambda: 1, ctx,
):
    ctx.logResult(value)
report(ctx, result=True)
"""

_BOXES = """
good = ctx.logResultDetails("a.png", "ok", "ng", 0.9)
note("returned", good=good)
for position in (5, "text", [1, 2], [[1, 2, 3]], [[1, 2, 3, "x"]], [None], [[1, 2, 3, 4]] ):
    try:
        ctx.logResultDetails("b.png", "ok", "ng", -1, "rectangle", position)
    except ValueError:
        note("refused")
ctx.logResultDetails("c.png", "ok", "ng", 0.5, "rectangle", [])
ctx.logResultDetails(None, None, None, None, None, None, Breaks())
ctx.logResultDetails("d.png", "ok", "ng", float("nan"), "rectangle", [(1, 2, 3, 4, 0.5)])
report(ctx, result=True)
"""

_RETURNS = """
name = ctx.get("image_names")[0]
loop = []
loop.append(loop)
return {
    "0.png": [], "1.png": None, "2.png": {"nan": float("nan")}, "3.png": (1, 2),
    "4.png": Breaks(), "5.png": loop, "6.png": iter([1, 2]), "7.png": map(str, [1]),
    "8.png": {"v": {"a": 1}.values(), "d": collections.deque([1, 2]), "b": Box(1, "a")},
    "9.png": 10**400, "10.png": "x" * 3_000_000,
}[name]
"""


def _metrics(seen: Observation) -> None:
    assert [entry["yes"] for entry in seen.noted("unchanged")] == [True]
    data = seen.data[0]
    assert (data["progress"], data["epoch"]) == (0.5, 1)
    expected: dict[str, Any] = {
        "int": 1,
        "float": 0.5,
        "tiny": 1e-320,
        "nan": "NaN",
        "infinity": "-Infinity",
        "scalar": 0.25,
        "decimal": 0.125,
        "fraction": 0.125,
        "损失/训练": 2.0,
    }
    assert {name: data.get(name) for name in expected} == expected
    assert not {"text", "none", "list", "broken"} & set(data)


def _as_they_were(seen: Observation) -> None:
    assert [data["loss"] for data in seen.data] == list(range(50))


def _all_arrived(count: int) -> Callable[[Observation], None]:
    def check(seen: Observation) -> None:
        assert len(seen.data) == count

    return check


def _in_range(seen: Observation) -> None:
    for data in seen.data:
        assert 0 <= data["progress"] <= 1
        assert not isinstance(data["progress"], bool) and math.isfinite(data["progress"])
        assert isinstance(data.get("epoch", 0), int)


def _boxes(seen: Observation) -> None:
    assert seen.notes.count("refused") == 7
    paths = [data[0]["img_path"] for data in seen.data if isinstance(data, list)]
    assert paths == ["a.png", "c.png", "None", "d.png"]
    assert seen.noted("returned")[0]["good"] == seen.data[0]


def _infer_each(play: Play) -> None:
    play.ready()
    for number in range(11):
        play.infer(f"{number}.png", request_number=str(number))


def _returned(seen: Observation) -> None:
    data = [reply.get("data") for reply in seen.replies]
    assert [reply["flag"] for reply in seen.replies[:4]] == [1] * 4
    assert data[:4] == [[], None, {"nan": "NaN"}, [1, 2]]
    assert data[6:8] == [[1, 2], ["1"]]
    assert data[8] == {"v": [1], "d": [1, 2], "b": {"x": 1, "label": "a"}}
    assert data[10] == "x" * 3_000_000
    for number, reply in enumerate(seen.replies):
        assert reply["flag"] in (1, 2)
        assert reply.get("request_number", str(number)) == str(number)  # over TCP it is echoed


CASES = [
    Case("metrics of every type", algorithm(_METRICS, top=_TOP), check=_metrics),
    Case("calls with arguments of every type", algorithm(_ODD_CALLS, top=_TOP), check=_in_range),
    Case("results of every type", algorithm(_RESULTS, top=_TOP), check=_all_arrived(23)),
    Case("boxes of every form", algorithm(_BOXES, top=_TOP), check=_boxes),
    Case(
        "an inference returns values of every type",
        algorithm(_RETURNS, top=_TOP, kind="inference"),
        kind="inference",
        protocols=BOTH,
        play=_infer_each,
        messages="READY",
        check=_returned,
    ),
    Case(
        "metrics are changed after they were reported",
        algorithm(
            """
            metrics = {"loss": 0.5}
            for step in range(50):
                metrics["loss"] = step
                ctx.logProgressByEpoch(step, 0.5, metrics)
                metrics.clear()
            """
        ),
        check=_as_they_were,
    ),
    Case(
        "ten thousand metrics, and a result of ten megabytes",
        algorithm(
            """
            ctx.logProgressByEpoch(1, 0.5, {f"metric {n}": n for n in range(10_000)})
            ctx.logResult({"mask": "x" * 10_000_000})
            report(ctx)
            """
        ),
        check=_all_arrived(3),
    ),
    Case(
        "ten thousand reports in one go",
        algorithm("for step in range(10_000): ctx.logProgress(step / 10_000)\nreport(ctx)"),
        check=_all_arrived(10_001),
    ),
    Case(
        "many threads report at once",
        algorithm(
            """
            def work():
                for _ in range(50): report(ctx); report(ctx, result=True)
            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """
        ),
        check=_all_arrived(800),
    ),
]
