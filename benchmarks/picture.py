"""The README's picture, drawn from the results: bars of ratios, light and dark, in two languages.

``python -m benchmarks.picture [RESULTS.json]`` draws it anew without measuring.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.reporting.contestants import CONTESTANTS
from benchmarks.results import Section, load
from benchmarks.units import digits

IMAGES = ROOT / "docs" / "images"
_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _TITLE = 860, 150, 250, 18, 8, 44

# One file for both: the reader's colour scheme decides.
_STYLE = """
text { font: 13px system-ui, "Noto Sans CJK SC", sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.value, .note { fill: #57606a }
.peer { fill: #b6c2cf } .ours { fill: #0969da } .bare { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .value, .note { fill: #9198a1 }
  .peer { fill: #3d444d } .ours { fill: #4493f8 } .bare { fill: #656c76 }
}
"""
_TITLES = {
    "en": {
        "reporting": "Reporting one metric from a training loop: time per call, median (log scale)",
        "serving": "Requests per second, no-op model, 8 clients, HTTP",
        "batching": "Requests per second, 2 ms a call and 0.2 ms an image, 64 clients, HTTP",
        "lost": "lost if the process is killed",
        "hold": "Longest heartbeat while the model holds the interpreter lock for 2 s (log scale)",
    },
    "zh": {
        "reporting": "训练循环中上报一个指标：每次调用耗时，中位数（对数刻度）",
        "serving": "空模型每秒请求数，8 个客户端，HTTP",
        "batching": "每次调用 2 ms、每张图 0.2 ms 的模型每秒请求数，64 个客户端，HTTP",
        "lost": "进程被杀则丢失",
        "hold": "模型占住解释器锁 2 秒期间，心跳的最长时延（对数刻度）",
    },
}
_NOT_DURABLE = {contestant.name for contestant in CONTESTANTS if not contestant.durable}
_FILES = {"en": "benchmarks.svg", "zh": "benchmarks.zh-CN.svg"}


@dataclass(frozen=True)
class Bar:
    """One bar of a chart."""

    name: str
    value: float
    shown: str

    @property
    def style(self) -> str:
        """Which colour it has."""
        if self.name.startswith("ours"):
            return "ours"
        return "bare" if self.name.startswith(("bare", "relay", "os.write")) else "peer"


@dataclass(frozen=True)
class Chart:
    """Bars under a title."""

    name: str
    bars: Sequence[Bar]
    logarithmic: bool


def write(folder: Path, sections: Mapping[str, Section]) -> None:
    """Write the picture in both languages into a folder; nothing if there is nothing to draw."""
    charts = [chart for chart in _charts(sections) if len(chart.bars) > 1]
    if not charts:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for language, name in _FILES.items():
        (folder / name).write_text(_svg(charts, _TITLES[language]), "utf-8")


def _charts(sections: Mapping[str, Section]) -> list[Chart]:
    reporting = sections["reporting"].figures if "reporting" in sections else {}
    serving = sections["serving"].figures if "serving" in sections else {}
    batching = sections["batching"].figures if "batching" in sections else {}
    return [
        # Who keeps a metric only in memory is told beside the bar: speed alone would mislead.
        Chart("reporting", _bars(reporting, "single/", "/median_ns", _time_ns), True),
        Chart("serving", _bars(serving, "", "/noop/8/rate", _rate), False),
        Chart("batching", _bars(batching, "", "/64/rate", _rate), False),
        Chart("hold", _bars(serving, "", "/hold/longest_s", _time_s), True),
    ]


def _bars(
    figures: Mapping[str, float], before: str, after: str, show: Callable[[float], str]
) -> list[Bar]:
    found = [
        Bar(name[len(before) : -len(after)], value, show(value))
        for name, value in figures.items()
        if name.startswith(before) and name.endswith(after) and value > 0
    ]
    if after.endswith("/rate"):  # one protocol in one chart
        found = [bar for bar in found if "-tcp" not in bar.name]
        return sorted(found, key=lambda bar: -bar.value)
    return sorted(found, key=lambda bar: bar.value)


def _svg(charts: Sequence[Chart], titles: Mapping[str, str]) -> str:
    parts, top = [], 0
    for chart in charts:
        parts.append(
            f'<text class="title" x="0" y="{top + 28}">{escape(titles[chart.name])}</text>'
        )
        top += _TITLE
        for bar in chart.bars:
            width = _length(bar.value, chart) * (_WIDTH - _LEFT - _RIGHT)
            middle = top + _BAR - 5
            parts += [
                f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>',
                f'<rect class="{bar.style}" x="{_LEFT}" y="{top}" width="{width:.1f}" '
                f'height="{_BAR}" rx="2"/>',
                f'<text class="value" x="{_LEFT + width + 6:.1f}" y="{middle}">'
                f"{escape(_words(chart, bar, titles))}</text>",
            ]
            top += _BAR + _GAP
        top += 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" '
        f'width="{_WIDTH}" height="{top}" role="img"><style>{_STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _words(chart: Chart, bar: Bar, titles: Mapping[str, str]) -> str:
    """Return what stands beside a bar."""
    lost = chart.name == "reporting" and bar.name in _NOT_DURABLE
    return f"{bar.shown} · {titles['lost']}" if lost else bar.shown


def _length(value: float, chart: Chart) -> float:
    """Return a bar's length, from 0 to 1."""
    values = [bar.value for bar in chart.bars]
    if not chart.logarithmic:
        return value / max(values)
    floor = 10 ** math.floor(math.log10(min(values)))
    return max(0.01, math.log10(value / floor) / math.log10(max(values) / floor))


def _time_ns(value: float) -> str:
    return _time_s(value / 1e9)


def _time_s(value: float) -> str:
    if value >= 1:
        return f"{digits(value)} s"
    return f"{digits(value * 1e3)} ms" if value >= 1e-3 else f"{digits(value * 1e6)} µs"


def _rate(value: float) -> str:
    return f"{value:,.0f}/s".replace(",", " ")


if __name__ == "__main__":
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "benchmarks" / "results.json"
    write(IMAGES, load(results))
