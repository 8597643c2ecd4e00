"""What is read from control groups; the real limits are tested with real containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.process import memory


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree in the place of /sys/fs/cgroup, without anything in it."""
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_OWN", tmp_path / "own")
    (tmp_path / "cgroup" / "memory").mkdir(parents=True)
    return tmp_path


def test_version_2(groups: Path) -> None:
    (groups / "own").write_text("0::/\n")
    (groups / "cgroup" / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\n")
    (groups / "cgroup" / "memory.max").write_text("536870912\n")
    assert memory.oom_kills() == 3
    assert memory.limit_bytes() == 536870912


def test_version_2_with_the_hosts_namespace(groups: Path) -> None:
    (groups / "own").write_text("0::/docker/abc\n")
    own = groups / "cgroup" / "docker" / "abc"
    own.mkdir(parents=True)
    (own / "memory.events").write_text("oom_kill 1\n")
    (own / "memory.max").write_text("max\n")
    assert memory.oom_kills() == 1
    assert memory.limit_bytes() is None


def test_version_1(groups: Path) -> None:
    (groups / "own").write_text("5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    own = groups / "cgroup" / "memory"
    (own / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
    (own / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.oom_kills() == 4
    assert memory.limit_bytes() is None
    (own / "memory.limit_in_bytes").write_text("104857600\n")
    assert memory.limit_bytes() == 104857600


def test_nothing_is_known_without_control_groups(groups: Path) -> None:
    assert memory.oom_kills() is None
    assert memory.limit_bytes() is None
