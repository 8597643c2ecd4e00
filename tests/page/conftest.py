"""Platforms for the page's tests, and an algorithm for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.page.platform import Platform, make_algorithm


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Platform]]:
    """Starts platforms that end with the module."""
    started: list[Platform] = []

    def begin(*arguments: str | Path, runs: Path | None = None) -> Platform:
        folder = runs or tmp_path_factory.mktemp("platform") / "runs"
        started.append(Platform(folder, *arguments))
        return started[-1]

    yield begin
    for platform in started:
        platform.close()


@pytest.fixture(scope="module")
def algorithm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An algorithm whose boxes are known."""
    return make_algorithm(tmp_path_factory.mktemp("algorithm") / "plates")
