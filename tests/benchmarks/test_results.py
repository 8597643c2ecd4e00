"""What is written: RESULTS.md, results.json, targets, the pictures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks import markdown, picture, results, targets
from benchmarks.results import Section, Table

RUN = {
    "date": "2026-11-25 20:00 UTC",
    "commit": "abc",
    "command": "python -m benchmarks",
    "processor": "P",
    "cores": 2,
    "memory_gib": 4,
    "system": "S",
    "python": "CPython 3.11",
    "spin_spread_percent": 3.0,
    "spin_median_ms": 4.0,
    "steal_percent": 0.0,
    "seconds": 60,
}


def section(**figures: float) -> Section:
    table = Table("Reporting | one", ["", "median"], [["ours", "2.9 µs"], ["mlflow", "300 µs"]])
    made = Section("reporting", "Reporting", "How.", [table], figures, {"mlflow": "3.1"})
    made.failures["wandb"] = "not installed:\nno wheel"
    made.run = dict(RUN)
    return made


def test_what_is_kept_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert results.load(path) == {}
    results.save(path, {"reporting": section(a=1.5)})
    assert results.load(path) == {"reporting": section(a=1.5)}


def test_the_document_has_tables_versions_and_what_is_missing() -> None:
    text = markdown.document({"reporting": section(**{"single/ours/ratio": 3.1})})
    assert "| ours | 2.9 µs |" in text
    assert "mlflow 3.1" in text
    assert "| wandb | not installed: no wheel |" in text
    assert "`python -m benchmarks` | P, 2 cores" in text
    assert "| metric call, median, × `os.write` | ≤ 2.5 | 3.10 | **no** |" in text


def test_a_target_is_met_at_its_bound_or_not_measured() -> None:
    table = targets.table({"reporting": section(**{"single/ours/ratio": 2.5})})
    met = {row[0]: row[3] for row in table.rows}
    assert met["metric call, median, × `os.write`"] == "yes"
    assert ["metric call, p99", "≤ 20 µs", "not measured", ""] in table.rows


def test_the_lead_is_over_the_fastest_durable_peer() -> None:
    figures = {"single/ours/median_ns": 3e3, "single/mlflow-file/median_ns": 3e5}
    figures |= {"single/logging/median_ns": 18e3, "single/confluent-kafka/median_ns": 2e3}
    table = targets.table({"reporting": section(**figures)})
    assert ["fastest durable peer, × ours", "≥ 5", "6.00", "yes"] in table.rows


def test_bars_are_as_long_as_their_figures(tmp_path: Path) -> None:
    serving = Section("serving", "", "")
    serving.figures = {"ours-http/noop/8/rate": 3000, "flask/noop/8/rate": 1500}
    serving.figures |= {"ours-tcp/noop/8/rate": 9000}  # another protocol, not in this chart
    batching = Section("batching", "", "")
    batching.figures = {"ours-http-batches/64/rate": 3000, "litserve/64/rate": 1500}
    batching.figures |= {"ours-tcp-batches/64/rate": 9000}
    picture.write(tmp_path, {"serving": serving, "batching": batching})
    for name in ("benchmarks.svg", "benchmarks.zh-CN.svg"):
        root = ElementTree.parse(tmp_path / name).getroot()
        bars = [e for e in root.iter() if e.tag.endswith("rect")]
        ours, flask, batches, litserve = (float(bar.attrib["width"]) for bar in bars)
        assert ours == batches == 2 * flask == 2 * litserve
        assert [bar.attrib["class"] for bar in bars] == ["ours", "peer"] * 2


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    picture.write(tmp_path, {})
    assert not list(tmp_path.iterdir())
