"""A part of the platform that fails is shown on the page; the rest goes on."""

from __future__ import annotations

import os
from pathlib import Path

from tests.dubhe_simulator.ui import Journal, Ui

TRAIN = "net-local-train-1"
LONGEST = 4094  # bytes; Linux takes paths of 4095
FAR = "net-local-train-9"


def too_long_a_name(parent: Path) -> Path:
    """Return a folder that exists, what is in which no path can name: root may not read it."""
    name, here = str(parent), os.open(parent, os.O_RDONLY)
    while (room := LONGEST - len(name)) > 0:
        part = "d" * (room - 1 if room < 200 else 100)
        os.mkdir(part, dir_fd=here)
        inner = os.open(part, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, name = inner, f"{name}/{part}"
    os.close(here)
    return Path(name)


def test_an_instance_whose_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    folder = too_long_a_name(tmp_path / "far")
    with Ui(tmp_path / "runs") as ui:
        ui.post("attach", address="127.0.0.1:9", instance=FAR, folder=str(folder))
        events = ui.events()  # an open page: only then folders are looked at
        state = next(events)
        assert state[0] == "state"
        failures = ui.wait(lambda state: state["source"]["failures"])["source"]["failures"]
        assert [(FAR in text, "too long" in text) for text in failures] == [(True, True)]
        # The others are looked at all the same.
        journal = Journal(ui.runs / "1" / "train", TRAIN)
        log = journal.folder / "log" / "dubhe.log"
        log.parent.mkdir()
        log.write_text("2026-01-01 00:00:00,000 INFO 7 alive\n")
        journal.start()
        ui.wait_state(TRAIN, "running")
        assert next(data for name, _, data in events if name == "source")["failures"] == failures
        ui.post("forget", instance=FAR)
        ui.wait(lambda state: not state["source"]["failures"])
        events.close()
