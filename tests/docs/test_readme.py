"""The README is short, and its algorithm works in each of the ways that it names."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.algorithms import dubhe, messages, titled
from tests.docs.markdown import ROOT
from tests.page.platform import Platform, Service
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

READMES = ("README.md", "README.zh-CN.md")
LONGEST = 200


@pytest.mark.parametrize("document", READMES)
def test_it_is_short(document: str) -> None:
    assert len((ROOT / document).read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("document", READMES)
def test_the_algorithm_has_ten_lines(document: str) -> None:
    assert len([line for line in titled(document, "app.py").splitlines() if line.strip()]) == 10


@pytest.fixture
def algorithm(tmp_path: Path) -> Path:
    """A folder with nothing but the README's app.py."""
    folder = tmp_path / "algorithm"
    folder.mkdir()
    (folder / "app.py").write_text(titled("README.md", "app.py"), "utf-8")
    return folder


def test_it_plays(algorithm: Path) -> None:
    out = dubhe("play", folder=algorithm)
    (training,) = (algorithm / "runs").glob("*/train")
    words = [word for word, _ in messages(training)]
    assert words == ["READY", "START", *["progress"] * 10, "END 200"], out


@pytest.fixture
def page(algorithm: Path, tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path / "runs", algorithm)
    yield platform
    platform.close()


def test_it_trains_on_the_page(page: Platform, algorithm: Path) -> None:
    dubhe("send", "train", "--ui", page.url, "--wait", folder=algorithm)
    (instance,) = page.get("state")["instances"]
    assert instance["progress"] == 1


def test_the_page_attaches_to_it(algorithm: Path, tmp_path: Path) -> None:
    (algorithm / "run.sh").write_text("export protocol=http\nexec python3 -u app.py\n")
    with reserved_port() as port:
        service = Service(algorithm, tmp_path / "temporary", port, "")
        try:
            address = f"http://127.0.0.1:{port}"

            def train() -> dict[str, object] | None:
                body = json.dumps({"req_type": 1, "data_paths": ["/data"]}).encode()
                try:
                    with urllib.request.urlopen(f"{address}/train/start", body, 10) as reply:
                        return dict(json.load(reply))
                except OSError:
                    return None

            wait_for(lambda: (train() or {}).get("flag") == 1, "a training that begins")
            platform = Platform(tmp_path / "runs", "--attach", address)
            try:
                wait_for(lambda: platform.get("state")["instances"], "the instance on the page")
            finally:
                platform.close()
        finally:
            service.close()
