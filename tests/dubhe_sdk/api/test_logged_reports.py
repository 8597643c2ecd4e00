"""An instance of online inference sends READY alone: what it reports is in the log."""

from __future__ import annotations

from pathlib import Path

import dubhe_sdk
from dubhe_sdk.environment import read_settings
from tests.dubhe_sdk.api.support import INFERENCE


def test_nothing_that_an_inference_reports_is_sent(tmp_path: Path) -> None:
    settings = read_settings({"DUBHE_TEMPORARY": str(tmp_path), "INSTANCE_ID": INFERENCE})
    ctx = dubhe_sdk.Context({}, settings)
    ctx.logProgress(0.5)
    ctx.logProgressByEpoch(3, 0.5, {"loss": 0.25})
    ctx.logProgressByBatch(3, 1, 2, 0.75, {"loss": 0.125})
    ctx.logResult({"own": object})
    ctx.logResultDetails("a.png", "ok", "ng", 0.5)
    assert not list(tmp_path.glob("spool/*.seg"))
    log = (tmp_path / "log" / "dubhe.log").read_text("utf-8")
    lines = [line.split(" ", 4)[4] for line in log.splitlines() if " INFO " in line]
    assert [line.split("{")[0] for line in lines] == [*["progress "] * 3, "result ", "result ["]
    assert '"loss":0.25' in lines[1].replace(" ", "")
    assert '"a.png"' in lines[4]
