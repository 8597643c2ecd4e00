"""Records that nobody foresaw: each is kept as not understood, and everything goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

NAME = "net-local-train-1"
HUGE = "9" * 5000  # more digits than Python converts


@pytest.fixture
def journal(ui: Ui) -> Journal:
    return Journal(ui.runs / "1" / "train", NAME)


def changed(line: str, **fields: Any) -> str:
    return json.dumps({**json.loads(line), **fields}) + "\n"


def progress(journal: Journal, **headers: str) -> str:
    return journal.line(2, {"loss": 1.0, "progress": 0.5, "epoch": 1}, **headers)


def poison(journal: Journal) -> dict[str, str]:
    line = progress(journal)
    return {
        "offset is infinite": line.replace('"offset": ', '"offset": 1e999, "was": ', 1),
        "time is infinite": line.replace('"timestamp": ', '"timestamp": 1e999, "was": ', 1),
        "headers are a list": changed(line, headers=["a", "b"]),
        "headers are null": changed(line, headers=None),
        "a number of many digits": line.replace('"loss": 1.0', f'"loss": {HUGE}'),
        "nested": line.replace('"loss": 1.0', '"loss": ' + "[" * 3000 + "]" * 3000),
        "nested beyond any stack": "[" * 200_000 + "]" * 200_000 + "\n",
        "not JSON": "\x00\x01 nonsense\n",
        "another format": '{"level": "info", "msg": "not ours"}\n',
        "a date of no calendar": line.replace('"date": ', '"date": 9000000000000000, "was": '),
    }


def test_poison_is_kept_and_the_rest_arrives(ui: Ui, journal: Journal) -> None:
    journal.start()
    bad = poison(journal)
    for line in bad.values():
        journal.write(line)
    journal.report(2, {"loss": 0.5, "progress": 0.7, "epoch": 1})
    journal.end()
    found = ui.wait_state(NAME, "ended")
    assert found["malformed"] == len(bad)
    [run] = ui.runs_of(NAME)
    assert ui.get("curves", run=run["id"], metric="loss", axis="epoch")["y"] == [0.5]
    messages = ui.get("messages", instance=NAME)["items"]
    reasons = [m["malformed"] for m in messages if m["malformed"]]
    assert len(reasons) == len(bad)
    assert ui.get("state")["source"]["ok"]


@pytest.mark.parametrize(
    "headers",
    [
        {"dubhe_batch": f"{HUGE}/{HUGE}"},
        {"dubhe_batch": f"{'9' * 400}/1"},
        {"dubhe_batch": "٣/٤"},
        {"dubhe_seq": HUGE},
        {"dubhe_seq": "9" * 30},
        {"dubhe_writer": "w" * 100_000},
        {"x" * 100_000: "y" * 100_000},
    ],
    ids=["huge batch", "batch beyond doubles", "other digits", "huge seq", "seq beyond SQLite",
         "long writer", "long header"],
)  # fmt: skip
def test_absurd_headers_take_nothing_away(
    ui: Ui, journal: Journal, headers: dict[str, str]
) -> None:
    journal.start()
    journal.write(progress(journal, **headers))
    journal.end()
    ui.wait_state(NAME, "ended")
    [run] = ui.runs_of(NAME)
    assert ui.get("curves", run=run["id"], metric="loss", axis="epoch")["y"] == [1.0]
    assert ui.instance(NAME)["messages"] == 3
    assert ui.get("state")["source"] == {
        "name": "journal", "ok": True, "error": None, "failures": [],
    }  # fmt: skip


def test_an_attached_name_of_half_a_character_is_stored(ui: Ui) -> None:
    found = ui.post("attach", address="127.0.0.1:9", instance="net-\udcb0-train-1")
    assert found["instance"] == "net-?-train-1"
    ui.wait(lambda state: len(state["instances"]) == 1)
    assert ui.get("state")["source"]["ok"]
    ui.post("forget", instance=found["instance"])
    ui.wait(lambda state: not state["instances"])
