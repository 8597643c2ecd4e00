"""Each page of the tutorial does what it says, in a project made by `dubhe init`.

One language is enough: test_languages.py shows that the other has the same code.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.algorithms import dubhe, messages, titled
from tests.docs.markdown import ROOT
from tests.support.environ import clean_environ

pytestmark = pytest.mark.slow

TRAINING, EVALUATION, INFERENCE = 1, 2, 3


@pytest.fixture
def project(tmp_path: Path) -> Path:
    dubhe("init", "shapes", folder=tmp_path)
    return tmp_path / "shapes"


def write(project: Path, page: str, title: str = "app.py") -> None:
    (project / title).write_text(titled(f"docs/en/tutorial/{page}.md", title), "utf-8")


@pytest.mark.parametrize(
    ("page", "instances", "epochs"),
    [
        ("first-algorithm", TRAINING, 10),
        ("request", TRAINING, 20),
        ("model", TRAINING, 20),
        ("evaluate", EVALUATION, 20),
        ("infer", INFERENCE, 20),
        ("parameters", INFERENCE, 20),
    ],
)
def test_a_page_plays(project: Path, page: str, instances: int, epochs: int) -> None:
    write(project, page)
    out = dubhe("play", folder=project)
    words = [word for word, _ in messages(project / "runs")]
    assert words.count("READY") == instances, out
    assert words.count("END 200") == min(instances, EVALUATION), out
    assert words.count("progress") == epochs + (instances >= EVALUATION), out
    models = list((project / "output" / "models").glob("model_*.json"))
    assert len(models) == (0 if page in ("first-algorithm", "request") else epochs)


def test_business_parameters(project: Path) -> None:
    write(project, "parameters")
    dubhe("play", "--special-params", '{"epochs": 3}', folder=project)
    assert len(list((project / "output" / "models").iterdir())) == 3


def test_the_test(project: Path) -> None:
    write(project, "parameters")
    write(project, "test", "test_app.py")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=clean_environ(),
        check=True,
    )


def test_what_dubhe_init_writes_is_what_the_pages_show(project: Path) -> None:
    shown = titled("docs/en/tutorial/container.md", "Dockerfile")
    written = (project / "Dockerfile").read_text().splitlines(keepends=True)
    comments = [
        line for line in written if not line.startswith(("# COPY", "# RUN", "FROM", "COPY"))
    ]
    assert shown == "".join(line for line in written if line not in comments)
    shown = titled("docs/en/tutorial/by-hand.md", "run.sh")
    assert shown in (project / "run.sh").read_text()
    text = (ROOT / "docs/en/tutorial/by-hand.md").read_text("utf-8")
    requests = re.findall(r"@(requests/\w+\.json)", text)
    assert len(requests) == 2
    assert all((project / request).is_file() for request in requests)
