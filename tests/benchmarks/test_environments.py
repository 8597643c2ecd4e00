"""Environments of peers: made once, and told in words if they cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.environments import NotInstalled, environment, versions

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "CACHE", tmp_path)
    return tmp_path


def test_made_once_and_anew_when_its_packages_change(cache: Path) -> None:
    python = environment("plain", ())
    assert "pip" in versions(python, ("pip",))
    (cache / "plain" / "mark").touch()
    assert environment("plain", ()) == python
    assert (cache / "plain" / "mark").exists()
    (cache / "plain" / "bin" / "pip").unlink()
    with pytest.raises(NotInstalled):  # another list of packages begins from nothing
        environment("plain", ("./there-is-no-such-project",))
    assert not (cache / "plain" / "mark").exists()


def test_a_package_that_cannot_be_installed_is_told_without_the_registry() -> None:
    with pytest.raises(NotInstalled, match="no-such-project") as failed:
        environment("broken", ("./there-is-no-such-project",))
    assert "http" not in str(failed.value)
