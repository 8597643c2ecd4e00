"""``dubhe play`` as a process, with algorithms that behave well and badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from dubhe_simulator.commands.play import main
from tests.dubhe_simulator.fake import fake_algorithm, processes_with, wait_until

ROOT = Path(__file__).parents[3]


def play(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> tuple[int, str]:
    status = main([str(folder), "--runs-dir", str(folder / "runs"), *options])
    assert not processes_with(str(folder / "runs"))
    return status, capsys.readouterr().out


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_all_goes_well(tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: str) -> None:
    status, out = play(capsys, fake_algorithm(tmp_path / "net", protocol))
    assert status == 0
    assert "Evaluation: accuracy 0.6667 (2 of 3)" in out
    assert "data/test/0/0.png  →  7  (0.5000)" in out
    assert "model_20240101000000011_11_0.10.pkl" in out
    counts = [line.split() for line in out.splitlines() if line.startswith("  training  ")][-1]
    assert counts == ["training", "1", "1", "4", "3", "1", "10", "10", "0", "0"]
    assert "0 lost" in out


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({"exit_in": "train"}, "training (net-local-train-{}): the instance ended with status 3"),
        ({"exit_in": "evaluate"}, "evaluation (net-local-forecast-{}): the instance ended with"),
        ({"fail": "train"}, "net-local-train-{} current model error boom"),
        ({"fail": "evaluate"}, "net-local-forecast-{} current model error boom"),
        ({"refuse": "train"}, "refused: param error: field data_paths is missing"),
        ({"refuse": "infer"}, "inference (net-local-inference-{}): the request was refused"),
        ({"vanish_in": "train"}, "ended with status 7 before it sent END"),
        ({"gap": True}, "messages of the training instance are missing (1)"),
    ],
)
def test_a_failure_is_told_in_a_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    behaviour: dict[str, object],
    expected: str,
) -> None:
    folder = fake_algorithm(tmp_path / "net", **behaviour)
    status, out = play(capsys, folder)
    assert status == 1
    [run] = [entry for entry in (folder / "runs").iterdir() if entry.is_dir()]
    failed = [line for line in out.splitlines() if line.startswith("Failed: ")]
    assert expected.format(run.name) in failed[0]


def test_the_end_of_the_log_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = play(capsys, fake_algorithm(tmp_path / "net", exit_in="train"))
    assert out.endswith("console.log:\n  | the fake algorithm starts\n  | Traceback: no GPU\n")


def test_timeouts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fake_algorithm(tmp_path / "silent", silent=True)
    status, out = play(capsys, folder, "--ready-timeout", "0.5")
    assert (status, "no READY message within 0.5 seconds" in out) == (1, True)
    folder = fake_algorithm(tmp_path / "endless", endless=True)
    status, out = play(capsys, folder, "--task-timeout", "0.5")
    assert (status, "no END message within 0.5 seconds" in out) == (1, True)


def test_stragglers_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark = uuid.uuid4().hex
    status, out = play(capsys, fake_algorithm(tmp_path / "net", straggler=mark))
    assert status == 0
    assert out.count("it left processes running") == 3
    assert not processes_with(mark)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--special-params", "[1]"], "--special-params is not a JSON object: [1]"),
        (["--brokers", "kafka:port"], "BOOTSTRAP_SERVERS contains 'kafka:port'"),
        (["--data-dir", "/nonexistent"], "there is no folder /nonexistent"),
    ],
)
def test_what_cannot_begin_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], expected: str
) -> None:
    status, out = play(capsys, fake_algorithm(tmp_path / "net"), *options)
    assert status == 1
    assert expected in out


@pytest.mark.parametrize("options", [["--bogus"], ["--images", "0"], ["--protocol", "grpc"]])
def test_wrong_use(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2


def test_help_needs_nothing_but_the_standard_library() -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'simulator'}"}
    script = "from dubhe_simulator.commands.play import main; main(['--help'])"
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "usage: dubhe play" in done.stdout


def start(folder: Path) -> subprocess.Popen[str]:
    runs = str(folder / "runs")
    command = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "play", str(folder)]
    return subprocess.Popen([*command, "--runs-dir", runs], stdout=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"ended without {word!r}")


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_everything(tmp_path: Path, signum: signal.Signals, status: int) -> None:
    mark = uuid.uuid4().hex
    folder = fake_algorithm(tmp_path / "net", endless=True, straggler=mark)
    with start(folder) as process:
        read_until(process, "100%")
        assert processes_with(mark)
        process.send_signal(signum)
        assert process.wait(20) == status
        assert process.stdout is not None
        assert f"Stopped by {signum.name}" in process.stdout.read()
    assert not processes_with(mark)
    assert not processes_with(str(folder / "runs"))


@pytest.mark.parametrize("word", ["Playing", "starting"])
def test_a_signal_while_it_starts(tmp_path: Path, word: str) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True)
    with start(folder) as process:
        read_until(process, word)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert not processes_with(str(folder / "runs"))


def test_a_second_signal_kills_what_ignores_the_first(tmp_path: Path) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True, ignore_sigterm=True)
    with start(folder) as process:
        read_until(process, "100%")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(4) == 130  # far below the grace after one signal
    assert not processes_with(str(folder / "runs"))


def test_a_reader_that_has_gone_ends_everything(tmp_path: Path) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True)
    process = start(folder)
    read_until(process, "starting")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(20) == 128 + signal.SIGPIPE
    assert not processes_with(str(folder / "runs"))


def test_sigkill_of_the_platform_ends_everything(tmp_path: Path) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True)
    with start(folder) as process:
        read_until(process, "100%")
        process.kill()
    wait_until(lambda: not processes_with(str(folder / "runs")))
