"""Results, their summary, their tables and their images."""

from __future__ import annotations

import csv
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

NAME = "net-local-forecast-1"


def png(path: Path, width: int = 3, height: int = 2) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def info(truth: Any, predicted: Any, conf: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"ground_true": truth, "predict_code": predicted, "conf": conf, **more}


@pytest.fixture
def journal(ui: Ui) -> Journal:
    journal = Journal(ui.runs / "1" / "evaluate", NAME)
    journal.start()
    return journal


def report(ui: Ui, journal: Journal, *images: tuple[str, list[dict[str, Any]]]) -> int:
    """Report images and return the run."""
    for path, infos in images:
        journal.report(3, [{"img_path": path, "info": infos}])
    journal.end()
    ui.wait_state(NAME, "ended")
    return int(ui.runs_of(NAME)[0]["id"])


def names(ui: Ui, **query: Any) -> list[str]:
    found = ui.get("results", **query)
    assert found["total"] == len(found["items"])
    return [item["name"] for item in found["items"]]


BOXES = {"shape_type": "rectangle", "position": [[1, 2], [3, 4.5]], "special": {"depth": 2}}
IMAGES = (
    ("right.png", [info("a", "a")]),
    ("wrong.png", [info("a", "b", 0.5), info("b", "b", 0.8)]),
    ("missed.png", [info("b", "", 0.0)]),
    ("false.png", [info("a", "a"), info("", "b", 0.4, **BOXES)]),
)


def test_filters_and_outcomes(ui: Ui, journal: Journal) -> None:
    run = report(ui, journal, *IMAGES)
    items = ui.get("results", run=run)["items"]
    assert [i["outcome"] for i in items] == ["right", "wrong", "missed", "false"]
    assert names(ui, run=run, outcome="right") == ["right.png"]
    assert names(ui, run=run, outcome="wrong") == ["wrong.png"]
    assert names(ui, run=run, outcome="missed") == ["missed.png"]
    assert names(ui, run=run, outcome="false") == ["false.png"]
    assert names(ui, run=run, truth="a", predicted="b") == ["wrong.png"]
    assert names(ui, run=run, truth="", predicted="b") == ["false.png"]
    assert names(ui, run=run, truth="b", predicted="") == ["missed.png"]
    assert names(ui, run=run, predicted="b") == ["wrong.png", "false.png"]
    assert ui.get("results", run=run, offset=1, limit=2)["total"] == 4
    box = items[3]["predictions"][1]
    assert (box["shape_type"], box["position"]) == ("rectangle", [[1, 2], [3, 4.5]])
    assert box["special"] == {"depth": 2}


def test_nothing_found_where_there_is_nothing_is_right(ui: Ui, journal: Journal) -> None:
    ghost = ("ghost.png", [info("", "b", 0.4)])
    run = report(ui, journal, ("empty.png", []), ghost, ("seen.png", [info("a", "a")]))
    found = {i["name"]: i["outcome"] for i in ui.get("results", run=run)["items"]}
    assert found == {"empty.png": "right", "ghost.png": "false", "seen.png": "right"}
    assert names(ui, run=run, outcome="right") == ["empty.png", "seen.png"]
    strict = names(ui, run=run, outcome="right", confidence=0.5)
    assert strict == ["empty.png", "ghost.png", "seen.png"]


def test_a_threshold(ui: Ui, journal: Journal) -> None:
    run = report(ui, journal, *IMAGES)
    assert names(ui, run=run, outcome="missed", confidence=0.6) == ["wrong.png", "missed.png"]
    assert names(ui, run=run, outcome="false", confidence=0.6) == []
    [item] = ui.get("results", run=run, truth="a", predicted="", confidence=0.6)["items"]
    assert item["predictions"][0] == {
        "truth": "a", "predicted": "", "conf": 0.5, "outcome": "missed",
        "shape_type": None, "position": None, "special": None,
    }  # fmt: skip


def test_summary(ui: Ui, journal: Journal) -> None:
    run = report(ui, journal, *IMAGES)
    found = ui.get("summary", run=run)
    assert found["classes"] == ["a", "b"]
    # Confusions first, then what is right; place 2 is none.
    assert found["cells"] == [[0, 1, 1], [1, 2, 1], [2, 1, 1], [0, 0, 2], [1, 1, 1]]
    assert found["confusions"] == 3
    assert found["accuracy"] == pytest.approx(3 / 6)
    a, b = found["per_class"]
    assert (a["precision"], a["recall"], a["support"]) == (1.0, pytest.approx(2 / 3), 3)
    assert (b["precision"], b["recall"]) == (pytest.approx(1 / 3), 0.5)
    assert found["outcomes"] == {"right": 3, "wrong": 1, "missed": 1, "false": 1, "none": 0}
    assert (found["images"], found["predictions"]) == (4, 6)
    # The false box is below the threshold: it is no prediction any more.
    strict = ui.get("summary", run=run, confidence=0.45)
    assert (strict["predictions"], [c for c in strict["cells"] if c[0] == 2]) == (5, [])


def test_without_truth_there_is_no_outcome(ui: Ui, journal: Journal) -> None:
    run = report(ui, journal, ("x.png", [info("", "a")]), ("y.png", []))
    assert [i["outcome"] for i in ui.get("results", run=run)["items"]] == ["none", "none"]
    found = ui.get("summary", run=run)
    assert (found["accuracy"], found["per_class"], found["truth"]) == (None, [], False)
    assert found["outcomes"]["none"] == 1


def test_results_of_other_forms(ui: Ui, journal: Journal) -> None:
    for data in ("text", 5, None, {"score": 1}, [[{"img_path": "in.png", "info": [info(1, 2.5)]}]]):
        journal.report(3, data)
    run = report(ui, journal)
    found = ui.runs_of(NAME)[0]
    assert (found["results"], found["images"]) == (5, 1)
    *plain, item = ui.get("results", run=run)["items"]
    assert [item["predictions"][0][key] for key in ("truth", "predicted")] == ["1", "2.5"]
    assert item["plain"] is None
    assert [each["plain"] for each in plain] == ['"text"', "5", "null", '{"score": 1}']
    assert [(each["img_path"], each["predictions"]) for each in plain] == [("", [])] * 4
    assert ui.instance(NAME)["malformed"] == 0


def test_a_result_that_overtakes_its_start(ui: Ui) -> None:
    """In Kafka it lies in another topic: when it was said tells which run it belongs to."""
    journal = Journal(ui.runs / "1" / "evaluate", NAME)
    journal.report(3, [{"img_path": "early.png", "info": []}], date=2000)
    for action, date in (("START", 1000), ("END", 3000), ("START", 4000)):
        data = {"action": action, "status": 200, "msg": ""}
        journal.report(1, data, date=date)
    journal.report(3, [{"img_path": "late.png", "info": []}], date=2500)
    journal.report(3, [{"img_path": "second.png", "info": []}], date=4500)
    ui.wait(lambda s: s["messages"] == 6)
    first, second = ui.runs_of(NAME)
    assert names(ui, run=first["id"]) == ["early.png", "late.png"]
    assert names(ui, run=second["id"]) == ["second.png"]
    assert (first["images"], second["images"]) == (2, 1)


def test_a_table_that_no_spreadsheet_executes(ui: Ui, journal: Journal) -> None:
    evil = "=HYPERLINK(1)"
    run = report(ui, journal, ("+cmd.png", [info(evil, "@x", -0.5), info("-1", "ok")]))
    status, headers, content = ui.raw("GET", f"/api/results.csv?run={run}")
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="results.csv"'
    first, second = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert (first["img_path"], first["truth"], first["predicted"]) == (
        "'+cmd.png",
        f"'{evil}",
        "'@x",
    )
    assert (first["conf"], second["truth"], second["predicted"]) == ("-0.5", "'-1", "ok")


def test_images(ui: Ui, journal: Journal, pictures: Path, tmp_path: Path) -> None:
    png(pictures / "a.png")
    (pictures / "sub").mkdir()
    png(pictures / "sub" / "b.png")
    png(tmp_path / "outside.png")
    (pictures / "secret.txt").write_text("secret")
    (pictures / "link.png").symlink_to(tmp_path / "outside.png")
    (pictures / "inner.png").symlink_to(pictures / "a.png")
    (pictures / "loop.png").symlink_to(pictures / "loop.png")
    paths = {
        str(pictures / "a.png"): True,
        "a.png": True,
        "sub/b.png": True,
        str(pictures / "inner.png"): True,
        str(pictures / "link.png"): False,
        str(pictures / "loop.png"): False,
        str(tmp_path / "outside.png"): False,
        f"{pictures}/../outside.png": False,
        "../outside.png": False,
        str(pictures / "secret.txt"): False,
        str(pictures / "missing.png"): False,
        "/etc/passwd": False,
        "": False,
        "a\0.png": False,
        "x" * 5000 + ".png": False,
    }
    run = report(ui, journal, *((path, []) for path in paths))
    items = ui.get("results", run=run)["items"]
    assert [item["url"] is not None for item in items] == list(paths.values())
    assert str(pictures) not in items[0]["url"]
    status, headers, content = ui.raw("GET", items[0]["url"])
    assert (status, headers["content-type"]) == (200, "image/png")
    assert content == (pictures / "a.png").read_bytes()
    again, _, nothing = ui.raw("GET", items[0]["url"], If_None_Match=headers["etag"])
    assert (again, nothing) == (304, b"")
    part = f"{items[0]['url']}&part=0,0,1,1"
    assert ui.raw("GET", part)[1]["content-type"] == "image/png"
    for wrong in ("", "1,2,3", "0,0,0,1", "-1,0,1,1", "0,0,1,x", "0,0,1,99999999"):
        assert ui.raw("GET", f"{items[0]['url']}&part={wrong}")[0] == 400, wrong
    (pictures / "a.png").unlink()
    (pictures / "a.png").symlink_to(tmp_path / "outside.png")
    assert ui.raw("GET", items[0]["url"])[0] == 404, "it leads outside by now"


@pytest.mark.parametrize("change", ["{0}-{1}x", "999-{1}", "{0}-", "{0}", "x-{1}", "..%2f{0}-{1}"])
def test_tokens_cannot_be_made_up(ui: Ui, journal: Journal, pictures: Path, change: str) -> None:
    png(pictures / "a.png")
    run = report(ui, journal, ("a.png", []))
    [item] = ui.get("results", run=run)["items"]
    number, _, signature = item["url"].partition("?")[0].rpartition("/")[2].partition("-")
    status, _, _ = ui.raw("GET", f"/api/images/{change.format(number, signature)}")
    assert status == 404
