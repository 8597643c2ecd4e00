"""`image/audit` says what was checked, and what was not. A stand-in plays pip-audit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / "image" / "audit"
CLEAN = {"name": "a", "version": "1", "vulns": []}
KNOWN = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found on the index"}


def audit(folder: Path, pypi: Any, osv: Any = None) -> subprocess.CompletedProcess[str]:
    """Run it with what each service answers; None: the service cannot be reached."""
    for name, answer in (("pypi", pypi), ("osv", osv)):
        if answer is not None:
            (folder / name).write_text(json.dumps({"dependencies": answer}))
    stand_in = folder / "pip-audit"
    stand_in.write_text(
        '#!/bin/sh\nwhile [ "$1" != --vulnerability-service ]; do shift; done\n'
        f'cat "{folder}/$2" && exit 0\necho "no route to $2" >&2; exit 1\n'
    )
    stand_in.chmod(0o755)
    lock = folder / "requirements.lock"
    lock.write_text("a==1 --hash=sha256:00\n")
    return subprocess.run(
        [AUDIT, lock],
        env={**os.environ, "PIP_AUDIT": str(stand_in)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("pypi", "osv", "status", "words"),
    [
        ([CLEAN], None, 0, "pypi: 1 of 1 packages checked"),
        ([CLEAN, KNOWN], None, 1, "b 2: CVE-1, fixed in 2.1"),
        ([SKIPPED], [CLEAN], 0, "osv: 1 of 1 packages checked"),
        ([SKIPPED], [KNOWN], 1, "b 2: CVE-1"),
        ([CLEAN, SKIPPED], None, 3, "osv could not be asked: no route to osv"),
        ([SKIPPED], [SKIPPED], 3, "osv does not know: c"),
        (None, None, 3, "NOT (or not wholly) CHECKED"),
        ([], None, 3, "0 of 0 packages checked"),
    ],
)
def test_what_is_known_and_what_was_not_asked(
    tmp_path: Path, pypi: Any, osv: Any, status: int, words: str
) -> None:
    done = audit(tmp_path, pypi, osv)
    assert done.returncode == status, done.stderr
    assert words in done.stdout + done.stderr
    assert ("NOT" in done.stderr) is (status == 3)


def test_without_pip_audit_it_says_so() -> None:
    env = {**os.environ, "PIP_AUDIT": "no-such-command"}
    done = subprocess.run([AUDIT], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "NOT CHECKED: no-such-command is not installed: pip install pip-audit" in done.stderr


def test_wrong_usage(tmp_path: Path) -> None:
    for arguments in (["--help"], [tmp_path / "none.lock"]):
        done = subprocess.run([AUDIT, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2, done.stderr
        assert "lock" in done.stderr.lower()
