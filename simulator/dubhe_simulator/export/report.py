"""Runs as one HTML file that opens from the disk: curves and results, without a server.

Its scripts are the page's own charts (``simulator/page/src/report``), its data JSON within it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from dubhe_sdk.version import __version__
from dubhe_simulator.contract.secrets import without_secrets
from dubhe_simulator.export.output import Progress, silent
from dubhe_simulator.export.run_data import RunData
from dubhe_simulator.platform.curves.curve import number_or_name
from dubhe_simulator.platform.curves.points import Point
from dubhe_simulator.platform.storage import result_queries

FILES = Path(__file__).with_name("report_page")
POINTS = 400_000  # of all curves together; then they are reduced
FINEST = 2000  # pixels that a curve is reduced for
COARSEST = 60
MARKS = 200  # of each kind on a curve
RESULTS = 20_000  # images of a run
# Nothing can be fetched or sent, whatever a metric is called.
CSP = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def write_report(runs: Sequence[RunData], path: Path, progress: Progress = silent) -> None:
    """Write runs as one page.

    Args:
        runs: which; the newest is shown first.
        path: the file; is overwritten.
        progress: is told how far it is.

    Raises:
        OSError: the file cannot be written.
    """
    curves = sum(len(data.metrics()) for data in runs)
    width = min(FINEST, max(COARSEST, POINTS // (2 * curves or 1)))
    title = ", ".join(data.name for data in runs)
    with path.open("w", encoding="utf-8", errors="replace") as out:
        out.write('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n<meta http-equiv')
        out.write(f'="Content-Security-Policy" content="{CSP}">\n')
        out.write('<meta name="viewport" content="width=device-width, initial-scale=1">\n')
        out.write(f"<title>{_escape(title)} · dubhe</title>\n<style>")
        out.write((FILES / "report.css").read_text("utf-8"))
        out.write('</style></head><body>\n<script type="application/json" id="data">')
        out.write(f'{{"version":{_json(__version__)},"runs":[')
        for number, data in enumerate(runs):
            out.write("," if number else "")
            facts = data.facts()
            if facts["request"] is not None:
                facts["request"]["body"] = without_secrets(facts["request"]["body"])
            out.write(_json({**facts, **_results(data)}).removesuffix("}"))
            out.write(',"curves":{')
            for place, metric in enumerate(data.metrics()):
                progress(f"{data.name}: {metric}")
                curve = _json(_curve(data, metric, width))
                out.write(f"{',' if place else ''}{_json(metric)}:{curve}")
            out.write("}}")
        out.write("]}</script>\n<script>")
        out.write((FILES / "report.js").read_text("utf-8").replace("</script", "<\\/script"))
        out.write("</script></body></html>\n")


def _curve(data: RunData, metric: str, width: int) -> dict[str, Any]:
    """Return the columns of a curve's points, reduced over its steps, and what is no number."""
    kept: list[Point] = []
    marks: dict[str, list[Point]] = {}
    total = 0
    with data.registry.lock:
        points = data.registry.curves.of(data.run.id)[metric].points
    size = 1 if points <= 2 * width else -(-points // width)  # of what becomes two points
    for _, part in groupby(data.points(metric), key=lambda point: point[0] // size):
        finite = []
        for point in part:
            if math.isfinite(point[3]):
                finite.append(point)
            else:
                marks.setdefault(str(number_or_name(point[3])), []).append(point)
        total += len(finite)
        if finite:
            ends = min(finite, key=_value), max(finite, key=_value)
            kept += sorted(set(ends))
    return {
        **_columns(kept),
        "value": [value for _, _, _, value in kept],
        "total": total,
        "reduced": len(kept) < total,
        "marks": {name: _columns(of[:: len(of) // MARKS + 1]) for name, of in marks.items()},
    }


def _value(point: Point) -> float:
    return point[3]


def _columns(points: Sequence[Point]) -> dict[str, list[Any]]:
    names = ("step", "epoch", "time")
    return {name: [point[place] for point in points] for place, name in enumerate(names)}


def _results(data: RunData) -> dict[str, Any]:
    run, database = data.run, data.database
    if not run.results:
        return {"results": [], "plain": [], "plain_total": 0, "summary": None}
    columns = ("image", "truth", "predicted", "conf", "outcome")
    rows = result_queries.all_predictions(database, run.id, run.labelled)
    plain_total, plain = result_queries.plain_results(database, run.id, RESULTS)
    return {
        "results": [
            dict(zip(columns, (path, *rest[:4]), strict=True))
            for path, _, *rest in islice(rows, RESULTS)
        ],
        "plain": plain,
        "plain_total": plain_total,
        "summary": _summary(data),
    }


def _summary(data: RunData) -> dict[str, Any]:
    run = data.run
    found = result_queries.summary(data.database, run.id, run.labelled, 0.0)
    kept = ("accuracy", "images", "predictions", "outcomes", "per_class")
    return {name: found[name] for name in kept}


def _json(value: Any) -> str:
    """Return JSON that neither ends a script element nor begins a comment in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
