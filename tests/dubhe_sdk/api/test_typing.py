"""The public names are typed: an algorithm passes `mypy --strict`, and mistakes are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ALGORITHM = """
import dubhe_sdk
from dubhe_sdk import Context, ContextKey


@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx: Context) -> None:
        self.name: str = "net"

    @dubhe_sdk.train()
    def train(self, ctx: Context) -> None:
        ctx.logProgressByEpoch(1, 0.5, {"loss": 0.3})
        dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), 1, 0.3)

    @dubhe_sdk.predict
    def evaluate(self, ctx: Context) -> None:
        ctx.logResultDetails("a.png", "A", "B", 0.5)

    @dubhe_sdk.inference()
    def infer(self, ctx: Context, top: int = 1) -> list[str]:
        return [self.name] * top


@dubhe_sdk.pipeline
class Other:
    def __init__(self, ctx: Context) -> None: ...


model: Model = Model(Context())
answer: list[str] = model.infer(Context(), top=2)
Other(Context())
"""


def strictly(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "app.py").write_text(source)
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", ".mypy", "app.py"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("algorithm")  # one for all, so that mypy's cache is shared


def test_an_algorithm_passes_strictly(folder: Path) -> None:
    done = strictly(folder, ALGORITHM)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("top=2", 'top="2"', "arg-type"),
        ("answer: list[str]", "answer: list[int]", "assignment"),
        ("model: Model", "model: Other", "assignment"),
        ("logProgressByEpoch(1, 0.5,", 'logProgressByEpoch(1, "0.5",', "arg-type"),
    ],
)
def test_decorated_methods_keep_their_types(
    folder: Path, before: str, after: str, error: str
) -> None:
    done = strictly(folder, ALGORITHM.replace(before, after))
    assert done.returncode == 1, done.stdout
    assert f"[{error}]" in done.stdout
