"""``dubhe send`` against instances that behave well and badly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.commands.send import main
from dubhe_simulator.instances.local import LocalInstance
from tests.dubhe_simulator.fake import fake_algorithm, wait_until
from tests.dubhe_simulator.ui import Ui

Capture = pytest.CaptureFixture[str]
TRAIN = "net-local-train-1"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[LocalInstance]:
    folder = fake_algorithm(tmp_path / "net", "tcp")
    with LocalInstance(
        read_algorithm(folder), TaskKind.TRAIN, TRAIN, tmp_path / "run", {}
    ) as instance:
        wait_until(lambda: ready(instance))
        yield instance


def ready(instance: LocalInstance) -> bool:
    return any("READY" in path.read_text() for path in instance.folder.glob("journal/*.jsonl"))


def url(instance: LocalInstance) -> str:
    return f"tcp://127.0.0.1:{instance.port}"


def test_train_and_wait(started: LocalInstance, capsys: Capture, tmp_path: Path) -> None:
    data = str(tmp_path / "net" / "data")
    arguments = ["train", url(started), "--instance", TRAIN, "--data-dir", data]
    assert main([*arguments, "--wait", "--journal", str(started.folder), "--timeout", "30"]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert reply == {"flag": 1, "message": "model train starting now"}


def test_infer_with_images_and_fields_set(tmp_path: Path, capsys: Capture) -> None:
    folder = fake_algorithm(tmp_path / "net")
    name = "net-local-inference-1"
    with LocalInstance(
        read_algorithm(folder), TaskKind.INFER, name, tmp_path / "run", {}
    ) as instance:
        wait_until(lambda: ready(instance))
        arguments = ["infer", f"127.0.0.1:{instance.port}", "--instance", name]
        images = str(folder / "data" / "test" / "1")
        assert main([*arguments, "--images", images]) == 0
        data = json.loads(capsys.readouterr().out)["data"]
        assert [item["img_path"] for item in data] == [f"{images}/{n}.png" for n in range(4)]
        assert main([*arguments, "--set", 'image_names=["x"]', "--set", "image_base_dir=/b"]) == 0
        assert json.loads(capsys.readouterr().out)["data"][0]["img_path"] == "/b/x"
        body = tmp_path / "body.json"
        body.write_text('{"image_names": ["y"], "image_base_dir": "/c"}')
        assert main([*arguments, "--body", str(body)]) == 0
        assert json.loads(capsys.readouterr().out)["data"][0]["img_path"] == "/c/y"


def test_refused(tmp_path: Path, capsys: Capture) -> None:
    folder = fake_algorithm(tmp_path / "net", refuse="train")
    with LocalInstance(
        read_algorithm(folder), TaskKind.TRAIN, TRAIN, tmp_path / "run", {}
    ) as instance:
        wait_until(lambda: ready(instance))
        assert main(["train", f"127.0.0.1:{instance.port}", "--instance", TRAIN]) == 1
    assert json.loads(capsys.readouterr().out)["flag"] == 2


def test_a_task_that_fails(tmp_path: Path, capsys: Capture) -> None:
    folder = fake_algorithm(tmp_path / "net", fail="train")
    with LocalInstance(
        read_algorithm(folder), TaskKind.TRAIN, TRAIN, tmp_path / "run", {}
    ) as instance:
        wait_until(lambda: ready(instance))
        arguments = ["train", f"127.0.0.1:{instance.port}", "--instance", TRAIN, "--wait"]
        assert main([*arguments, "--journal", str(instance.folder / "journal")]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["flag"] == 1
    assert "current model error boom" in captured.err


def test_no_end_in_time(tmp_path: Path, capsys: Capture) -> None:
    folder = fake_algorithm(tmp_path / "net", endless=True)
    with LocalInstance(
        read_algorithm(folder), TaskKind.TRAIN, TRAIN, tmp_path / "run", {}
    ) as instance:
        wait_until(lambda: ready(instance))
        arguments = ["train", f"127.0.0.1:{instance.port}", "--instance", TRAIN, "--wait"]
        assert main([*arguments, "--journal", str(instance.folder), "--timeout", "1"]) == 1
    assert "no END message within 1 seconds" in capsys.readouterr().err


@pytest.mark.parametrize("refuse", ["", "infer"])
def test_an_inference_again_and_again(tmp_path: Path, capsys: Capture, refuse: str) -> None:
    name = "net-local-inference-1"
    algorithm = read_algorithm(fake_algorithm(tmp_path / "net", refuse=refuse))
    with LocalInstance(algorithm, TaskKind.INFER, name, tmp_path / "run", {}) as instance:
        wait_until(lambda: ready(instance))
        again = ["infer", f"127.0.0.1:{instance.port}", "--instance", name]
        status = main([*again, "--repeat", "20", "--clients", "4"])
    seen = capsys.readouterr()
    if refuse:
        assert (status, seen.out) == (1, "")
        assert seen.err.startswith("20 failed: ")
    else:
        assert (status, seen.err) == (0, "")
        assert re.fullmatch(
            r"20 requests of 4 clients in [\d.]+ s: [\d.]+ a second; "
            r"reply after [\d.]+ ms \(median\), [\d.]+ ms \(99th percentile\)\n",
            seen.out,
        )


def test_through_a_platform(tmp_path: Path, capsys: Capture) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net")) as ui:
        assert main(["train", "--ui", ui.url, "--wait"]) == 0
        assert json.loads(capsys.readouterr().out)["flag"] == 1
        assert main(["evaluate", "--ui", ui.url, "--wait"]) == 0
        assert main(["infer", "--ui", ui.url]) == 0
        replies = capsys.readouterr().out.splitlines()
        assert len(json.loads(replies[-1])["data"]) == 6
        name = ui.post("start", kind="train")["instance"]
        ui.wait_state(name, "ready")
        assert main(["train", "--ui", ui.url, "--instance", name, "--wait"]) == 0
        assert main(["train", "--ui", ui.url, "--instance", "nobody"]) == 1
        assert "there is no instance 'nobody'" in capsys.readouterr().err
        assert main(["train", "--ui", ui.url, "--set", "a=1"]) == 1
        assert "require --instance ID" in capsys.readouterr().err


def test_a_failing_task_through_a_platform(tmp_path: Path, capsys: Capture) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net", fail="train")) as ui:
        assert main(["train", "--ui", ui.url, "--wait"]) == 1
    assert "current model error boom" in capsys.readouterr().err


def test_nobody_answers(capsys: Capture) -> None:
    assert main(["train", "http://127.0.0.1:1", "--instance", TRAIN]) == 1
    assert "no reply to the request" in capsys.readouterr().err
    assert main(["train", "http://127.0.0.1:1"]) == 1
    assert main(["train", "--ui", "http://127.0.0.1:1"]) == 1
    assert "no reply from http://127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly", "http://h:1"],
        ["train"],
        ["train", "http://h:1", "--ui", "http://h:2"],
        ["train", "http://h:99999"],
        ["train", "http://h:1", "--wait"],
        ["infer", "http://h:1", "--wait", "--journal", "."],
        ["infer", "http://h:1", "--clients", "2"],
        ["infer", "--ui", "http://h:1", "--repeat", "2"],
        ["train", "http://h:1", "--repeat", "2"],
        ["infer", "http://h:1", "--repeat", "0"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--set", "nonsense"], "expected KEY=VALUE"),
        (["--body", "/nonexistent"], "--body /nonexistent"),
        (["--data-dir", "/nonexistent"], "there is no folder /nonexistent"),
    ],
)
def test_bodies_that_cannot_be_made(options: list[str], expected: str, capsys: Capture) -> None:
    assert main(["train", "http://127.0.0.1:1", "--instance", TRAIN, *options]) == 1
    assert expected in capsys.readouterr().err
