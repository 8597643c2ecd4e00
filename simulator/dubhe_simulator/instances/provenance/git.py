"""The commit of an algorithm's folder, and whether files differ from it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dubhe_simulator.instances.provenance.record import Revision

TIMEOUT_S = 20.0
MOST_CHANGED = 50

# The folder may belong to another user, as one that is mounted does: its code is run anyway.
# Nothing of the repository is written, and none of its hooks is run.
_GIT = ("git", "--no-optional-locks", "-c", "safe.directory=*", "-c", "core.fsmonitor=false")


def read_revision(folder: Path) -> Revision | None:
    """Return the state of a folder; None if it is not below git, or has no commit yet.

    Args:
        folder: the algorithm's; files outside of it are not compared with the commit.

    Raises:
        OSError: git is not installed.
        subprocess.SubprocessError: it does not answer in `TIMEOUT_S`, or fails.
    """
    head = _git(folder, "rev-parse", "--verify", "HEAD", check=False)
    if head.returncode != 0:
        return None
    branch = _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD", check=False)
    status = _git(folder, "status", "--porcelain", "-z", "--untracked-files=no", "--", ".")
    # A renamed file has its former name as an entry of its own, without the three letters.
    entries = [entry for entry in status.stdout.split("\0") if entry[2:3] == " "]
    changed = [entry[3:] for entry in entries]
    name = branch.stdout.strip()
    return Revision(head.stdout.strip(), name, tuple(changed[:MOST_CHANGED]), len(changed))


def _git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_GIT, "-C", str(folder), *arguments], check=check, capture_output=True, text=True,
        errors="replace", timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
