"""Runs a case as its user would, and compares."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dubhe_sidecar import status
from tests.dubhe_sdk.service.harness import App
from tests.hostile import account
from tests.hostile.case import Case
from tests.hostile.judge import judge
from tests.hostile.observation import Observation
from tests.hostile.play import Heartbeats, Play

_ACCOUNT = Path(__file__).with_name("account.py").read_text("utf-8")


def cases(table: Sequence[Case]) -> pytest.MarkDecorator:
    """Return the mark that runs a test once for each case and protocol."""
    runs = [(case, protocol) for case in table for protocol in case.protocols]
    names = [f"{case.name}-{protocol}" for case, protocol in runs]
    assert len(set(names)) == len(names), "two cases have one name"
    return pytest.mark.parametrize(("case", "protocol"), runs, ids=names)


def app_of(case: Case, protocol: str, folder: Path, factory: type[App] = App, **env: str) -> App:
    """Return the case's app; it is not started."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # `python3` is the tests' own
    instance_id = f"modelid1412-algorithm112345540-{case.kind}-1412-4"
    app = factory(folder, case.app, instance_id, protocol, {"PATH": path, **case.env, **env})
    for name, text in {"account.py": _ACCOUNT, **case.files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        app.write(name, text)
    return app


def check(case: Case, protocol: str, folder: Path) -> None:
    """Run a case and compare what was seen with what happened, and with what the case expects."""
    with app_of(case, protocol, folder) as app:
        verify(case, observe(case, app))


def observe(case: Case, app: App) -> Observation:
    """Run a case to its end; return what was seen."""
    app.start(case.command, until=None)
    heartbeats = Heartbeats(app)
    heartbeats.start()
    play = Play(app)
    try:
        case.play(play)
        exit_status = play.finish()
    finally:
        heartbeats.stop()
    spool = Path(app.env.get("DUBHE_SPOOL_DIR", app.temporary / "spool"))
    return Observation(
        folder=app.folder,
        messages=app.messages,
        account=account.read(app.folder / "account.jsonl"),
        status=exit_status,
        asked_ms=play.asked_ms,
        heartbeats=heartbeats.answered,
        missed=heartbeats.missed,
        undelivered=status.inspect(spool).undelivered if spool.exists() else 0,
        replies=play.replies,
        log=app.log,
        console=app.console,
        is_inference=case.kind not in ("train", "forecast"),
    )


def verify(case: Case, seen: Observation) -> None:
    """Assert that everything is as it has to be."""
    problems = judge(seen)
    if seen.states != case.messages:
        problems.append(f"{seen.states or 'nothing'} arrived, expected {case.messages}")
    if seen.status != case.status:
        problems.append(f"exit status {seen.status}, expected {case.status}")
    problems += [f"{what!r} did not happen" for what in case.notes if what not in seen.notes]
    problems += [f"{what!r} happened" for what in case.absent if what in seen.notes]
    if case.end and not (seen.ends and case.end in seen.ends[-1]["msg"]):
        problems.append(f"the last END does not name {case.end!r}: {seen.ends[-1:]}")
    problems += [f"{part!r} is not in the log" for part in case.log if part not in seen.log]
    problems += [
        f"{part!r} is not on the console" for part in case.console if part not in seen.console
    ]
    assert not problems, "\n".join([f"{case.name}:", *problems, "it did:", *seen.notes])
    if case.check is not None:
        case.check(seen)
