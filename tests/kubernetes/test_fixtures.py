"""Which tests of the cluster are collected; whether there is one does not matter here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environ import clean_environ

ROOT = Path(__file__).parents[2]
TESTS = "def test_plain(): pass\ndef test_pod(kubernetes_cluster): pass\n"


def collected(folder: Path, own: Path, **environment: str) -> str:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(
        "from pathlib import Path\n"
        "from tests.kubernetes import fixtures\n"
        f"fixtures.OWN = Path({str(own)!r})\n"
    )
    (folder / "test_it.py").write_text(TESTS)
    environ = clean_environ(
        PYTHONPATH=str(ROOT),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTEST_PLUGINS="tests.kubernetes.fixtures",
        **environment,
    )
    for name in {"CI", "KUBECONFIG"} - set(environment):
        environ.pop(name, None)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    done = subprocess.run(command, cwd=folder, env=environ, stdout=-1, text=True, timeout=100)
    return done.stdout


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"KUBECONFIG": "/any"}])
def test_ci_leaves_out_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    assert "test_pod" in collected(tmp_path, tmp_path / "absent", **environment)


def test_without_a_cluster_only_the_others_are_collected(tmp_path: Path) -> None:
    output = collected(tmp_path, tmp_path / "absent")
    assert "test_plain" in output and "test_pod" not in output
    (tmp_path / "present").touch()
    assert "test_pod" in collected(tmp_path, tmp_path / "present")
