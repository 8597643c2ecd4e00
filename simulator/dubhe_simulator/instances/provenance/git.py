"""The commit of an algorithm's folder, and whether files differ from it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.record import Revision

TIMEOUT_S = 20.0
MOST_CHANGED = 50

# The folder may belong to another user, as one that is mounted does: its code is run anyway.
# Nothing of the repository is written, and none of its hooks is run.
_GIT = ("git", "--no-optional-locks", "-c", "safe.directory=*", "-c", "core.fsmonitor=false")


class _Answer(NamedTuple):
    returncode: int
    stdout: str


def read_revision(folder: Path, commands: Commands) -> Revision | None:
    """Return the state of a folder; None if it is not below git, or has no commit yet.

    Args:
        folder: the algorithm's; files outside of it are not compared with the commit.
        commands: run git.

    Raises:
        OSError: git is not installed.
        subprocess.SubprocessError: it does not answer in `TIMEOUT_S`, or fails.
    """
    head = _git(commands, folder, "rev-parse", "--verify", "HEAD", check=False)
    if head.returncode != 0:
        return None
    branch = _git(commands, folder, "symbolic-ref", "--short", "--quiet", "HEAD", check=False)
    status = _git(
        commands, folder, "status", "--porcelain", "-z", "--untracked-files=no", "--", "."
    )
    # A renamed file has its former name as an entry of its own, without the three letters.
    entries = [entry for entry in status.stdout.split("\0") if entry[2:3] == " "]
    changed = [entry[3:] for entry in entries]
    name = branch.stdout.strip()
    return Revision(head.stdout.strip(), name, tuple(changed[:MOST_CHANGED]), len(changed))


def _git(commands: Commands, folder: Path, *arguments: str, check: bool = True) -> _Answer:
    command = [*_GIT, "-C", str(folder.absolute()), *arguments]
    done = commands.run(command, TIMEOUT_S, check=check)
    return _Answer(done.returncode, done.stdout.decode(errors="replace"))
