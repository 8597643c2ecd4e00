"""What keeps a platform from reaching a cluster, as `dubhe` says it. No cluster is needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from dubhe_simulator.commands import play

TOKEN = {"name": "me", "user": {"token": "x"}}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig whose only context leads to a port that nobody listens on."""
    file = tmp_path / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [TOKEN],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "me"}}],
        "current-context": "here",
    }
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


@pytest.fixture
def algorithm(tmp_path: Path) -> Path:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "app.py").touch()
    return folder


def said(capsys: pytest.CaptureFixture[str], algorithm: Path, *options: str) -> str:
    """Play, which fails; return what was printed."""
    runs = str(algorithm.parent / "runs")
    words = [str(algorithm), "--on", "kubernetes", "--runs-dir", runs, *options]
    assert play.main(words) == 1
    return capsys.readouterr().out


def image(algorithm: Path) -> tuple[str, ...]:
    return ("--image", "net:1", "--volume", f"{algorithm.parent}=/shared")


def test_a_server_that_does_not_answer(
    capsys: pytest.CaptureFixture[str], algorithm: Path, kubeconfig: Path
) -> None:
    text = said(capsys, algorithm, *image(algorithm))
    assert "the Kubernetes API server at http://127.0.0.1:9 does not answer: " in text


def test_an_unknown_context(
    capsys: pytest.CaptureFixture[str], algorithm: Path, kubeconfig: Path
) -> None:
    text = said(capsys, algorithm, *image(algorithm), "--context", "there")
    assert "the kubeconfig has no context there; it has: here" in text


def test_no_kubeconfig(
    capsys: pytest.CaptureFixture[str],
    algorithm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert "Set KUBECONFIG, or write ~/.kube/config" in said(capsys, algorithm, *image(algorithm))


def test_the_package_is_missing(
    capsys: pytest.CaptureFixture[str], algorithm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    text = said(capsys, algorithm, *image(algorithm))
    assert "pip install 'kubernetes>=37'" in text


def test_a_folder_that_no_pod_sees(
    capsys: pytest.CaptureFixture[str], algorithm: Path, kubeconfig: Path
) -> None:
    text = said(capsys, algorithm, "--image", "net:1")
    assert "runs is in no volume that the pods see" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "--on kubernetes requires --image"),
        (("--image", "x", "--brokers", "localhost:9092"), "a loopback address is the pod itself"),
        (("--image", "x", "--volume", "x"), "--volume x: expected DIR=CLAIM or DIR=/PATH"),
    ],
)
def test_options_that_cannot_work(
    capsys: pytest.CaptureFixture[str],
    algorithm: Path,
    kubeconfig: Path,
    options: tuple[str, ...],
    expected: str,
) -> None:
    assert expected in said(capsys, algorithm, *options)
