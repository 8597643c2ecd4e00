"""The commit of an algorithm's folder, by real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.git import read_revision

WHO = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *WHO, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_and_what_differs_from_it(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "算法"
    folder.mkdir(parents=True)
    assert read_revision(folder, Commands()) is None
    git(tmp_path / "repository", "init", "-q", "-b", "main")
    assert read_revision(folder, Commands()) is None, "there is no commit yet"
    for name in ("app.py", "网络.py", "old.py"):
        (folder / name).write_text(f"# {name}\n" * 20)
    (tmp_path / "repository" / "other.txt").write_text("1")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "first")
    commit = git(folder, "rev-parse", "HEAD")
    (folder / "model.pth").write_text("git does not know it")
    (folder.parent / "other.txt").write_text("outside of the algorithm")
    found = read_revision(folder, Commands())
    assert found is not None
    assert (found.commit, found.branch, found.changes) == (commit, "main", 0)

    (folder / "网络.py").write_text("lr = 1\n")
    git(folder, "mv", "old.py", "new.py")
    git(folder, "checkout", "-q", "--detach")
    found = read_revision(folder, Commands())
    assert found is not None
    assert (found.branch, found.changes) == ("", 2)
    assert {Path(path).name for path in found.changed} == {"网络.py", "new.py"}


def test_a_folder_without_git_has_no_revision(tmp_path: Path) -> None:
    assert read_revision(tmp_path, Commands()) is None
