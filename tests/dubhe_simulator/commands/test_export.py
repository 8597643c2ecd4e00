"""``dubhe export``: what it writes, what it says, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_simulator.commands.export import main
from dubhe_simulator.sources.record import RecordBatch
from tests.dubhe_simulator.export.stored import INFER, TRAIN, fill, opened
from tests.page.store import record, task
from tests.support.environ import clean_environ
from tests.support.waiting import wait_for

METRICS, EPOCHS = 300, 300


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("stored") / "runs"
    fill(runs)
    return runs


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("html", ["runs.html"]),
        ("zip", [f"{TRAIN}-1.zip", f"{TRAIN}-2.zip", f"{INFER}-1.zip"]),
        ("csv", [f"{TRAIN}-1-metrics.csv", f"{TRAIN}-2-results.csv"]),
        ("mlflow", ["meta.yaml"]),
    ],
)
def test_each_form_is_written_and_named(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, expected: list[str]
) -> None:
    out = tmp_path / "out"
    assert main([f"--{form}", "--runs-dir", str(stored), "-o", str(out)]) == 0
    said = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert all(path.exists() for path in said)
    written = {path.name for path in out.rglob("*")}
    assert written.issuperset(expected)
    assert not [name for name in written if name.endswith(".part")]


def test_runs_are_chosen_by_their_numbers(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--zip", "--runs-dir", str(stored), "-o", str(tmp_path)]
    assert main([*command, "2"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{TRAIN}-2.zip"]
    assert main([*command, "2", "77"]) == 1
    assert "there is no run 77" in capsys.readouterr().out


def test_a_running_platform_does_not_hinder(stored: Path, tmp_path: Path) -> None:
    with opened(stored):
        assert main(["--html", "--runs-dir", str(stored), "-o", str(tmp_path), "1"]) == 0
    assert (tmp_path / f"{TRAIN}-1.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["--html", "--runs-dir", "nowhere"], 1, "nowhere/platform.sqlite does not exist"),
        ([], 2, "one of the arguments --html --zip --csv --tensorboard --mlflow is required"),
        (["--html", "--zip"], 2, "not allowed with"),
        (["--html", "--images"], 2, "--images and --models are for --zip"),
        (["--html", "first"], 2, "first"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        found = main(arguments)
    except SystemExit as ended:
        found = int(str(ended.code))
    assert found == status
    captured = capsys.readouterr()
    assert reason in captured.out + captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_half_file(tmp_path: Path, number: int, status: int) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    with opened(runs) as (_, ingest):
        said = [task("START")]
        for epoch in range(EPOCHS):
            data = {f"metric {n}": epoch + n for n in range(METRICS)}
            said.append(("alg_model_progress", 2, {**data, "epoch": epoch}))
        records = [record(TRAIN, n, *message) for n, message in enumerate(said)]
        ingest.put(RecordBatch(TRAIN, records, "end"))
    program = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "export", "--zip"]
    process = subprocess.Popen(
        [*program, "--runs-dir", str(runs), "-o", str(out)],
        env=clean_environ(LC_ALL="C.UTF-8"), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: out.is_dir() and os.listdir(out), "the file that is being written")
    process.send_signal(number)
    said_at_end, _ = process.communicate(timeout=60)
    assert process.returncode == status, said_at_end
    assert os.listdir(out) == []
