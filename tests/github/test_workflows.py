"""The workflows keep rules that no run of them would show: pinned, unprivileged, tested first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
OURS = "./"


def load(path: Path) -> dict[str, Any]:
    """Return a YAML file; ``on`` is a truth value in YAML 1.1."""
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return {"on" if key is True else key: value for key, value in loaded.items()}


def jobs(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from workflow["jobs"].values()


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in jobs(workflow):
        yield from job.get("steps", ())


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def file(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def workflow(file: Path) -> dict[str, Any]:
    return load(file)


@pytest.mark.parametrize(
    "path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: str(path.relative_to(GITHUB))
)
def test_is_yaml(path: Path) -> None:
    assert load(path)


def test_actions_of_others_are_pinned_by_commit_and_the_version_stands_beside(file: Path) -> None:
    for line in file.read_text("utf-8").splitlines():
        found = re.match(r"\s*(?:- )?uses: (.*)", line)
        if found and not found[1].startswith(OURS):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", found[1]), line


def test_one_action_has_one_commit() -> None:
    used = {step["uses"] for path in WORKFLOWS for step in steps(load(path)) if "uses" in step}
    assert len({name.partition("@")[0] for name in used}) == len(used)


def test_nothing_may_write(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in jobs(workflow))
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_a_failure_in_a_pipe_fails_the_step(workflow: dict[str, Any]) -> None:
    """Only a named ``bash`` gets ``-o pipefail``; the default shell does not."""
    assert workflow["defaults"] == {"run": {"shell": "bash"}}
    assert not any("shell" in step for step in steps(workflow))
    assert not any("defaults" in job for job in jobs(workflow))


def test_no_job_runs_without_limit(workflow: dict[str, Any]) -> None:
    assert all("timeout-minutes" in job or "uses" in job for job in jobs(workflow))


def test_values_reach_scripts_by_the_environment(workflow: dict[str, Any]) -> None:
    """What is put into a script's text is run as a part of it."""
    assert not [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")]


def test_pushes_and_pull_requests_are_tested() -> None:
    ci = load(GITHUB / "workflows" / "ci.yml")
    assert {"push", "pull_request", "workflow_call"} <= set(ci["on"])
    commands = [step.get("run") for step in steps(ci)]
    assert "tests/run.sh --fast" in commands
    assert ".ci/run" in commands


def test_each_python_that_is_promised_is_tested() -> None:
    ci = load(GITHUB / "workflows" / "ci.yml")
    promised = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"',
        (ROOT / "pyproject.toml").read_text("utf-8"),
    )
    assert ci["jobs"]["fast"]["strategy"]["matrix"]["python"] == promised


def test_a_release_is_tested_and_audited_before_it_is_published() -> None:
    release = load(GITHUB / "workflows" / "release.yml")
    assert release["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    assert release["jobs"]["publish"]["needs"] == "test"
    commands = [step.get("run", "") for step in release["jobs"]["publish"]["steps"]]
    audit = next(n for n, text in enumerate(commands) if ".github/requirements.txt" in text)
    publish = next(n for n, text in enumerate(commands) if "image/publish" in text)
    assert audit < publish
    assert "--unaudited" not in commands[publish]
    assert re.search(r"^pip-audit==", (GITHUB / "requirements.txt").read_text("utf-8"), re.M)


def test_dependabot_looks_where_something_is() -> None:
    looked_for = {
        "docker": "Dockerfile",
        "github-actions": ".github/workflows",
        "maven": "pom.xml",
        "npm": "package.json",
        "pip": "*requirements.txt",
    }
    for update in load(GITHUB / "dependabot.yml")["updates"]:
        for directory in update.get("directories") or [update["directory"]]:
            folder = ROOT / directory.lstrip("/")
            found = [*folder.glob(looked_for[update["package-ecosystem"]])]
            found += (
                [*folder.glob("pyproject.toml")] if update["package-ecosystem"] == "pip" else []
            )
            assert found, update
