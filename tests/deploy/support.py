"""Helm, and what it has installed in the test's namespace."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.fixtures import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
CHART = DEPLOY / "chart"
VALUES = sorted((DEPLOY / "values").glob("*.yaml"))
TIMEOUT_S = 120

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Helm:
    """The program.

    Attributes:
        program: its path.
        kubeconfig: of the cluster that it installs into.
    """

    program: Path
    kubeconfig: Path

    def run(
        self, *arguments: object, values: Values | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever its status is; values go in by standard input."""
        words = [str(self.program), *map(str, arguments)]
        if values is not None:
            words += ["--values", "-"]
        return subprocess.run(
            [*words, "--kubeconfig", str(self.kubeconfig)],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    def render(self, values: Values, name: str = "shapes") -> list[dict[str, Any]]:
        """Return the objects of a release."""
        done = self.run("template", name, CHART, "--namespace", "default", values=values)
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    def refusal(self, values: Values) -> str:
        """Return why values are refused."""
        done = self.run("template", "shapes", CHART, values=values)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def install(self, name: str, namespace: str, values: Values) -> None:
        """Install a release, or change it."""
        done = self.run("upgrade", "--install", name, CHART, "-n", namespace, values=values)
        assert done.returncode == 0, done.stderr


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the one object of a kind."""
    [found] = [each for each in objects if each["kind"] == kind]
    return found


def container(workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container of a Job or a Deployment."""
    [found] = workload["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(workload: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of its container."""
    return {each["name"]: each.get("value", "") for each in container(workload)["env"]}
