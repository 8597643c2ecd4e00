"""The algorithms that the documents show, each in a folder of its own, run as a reader does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.markdown import ROOT, code_blocks
from tests.support.environ import clean_environ
from tests.support.journal import read_journal, says

TIMEOUT_SECONDS = 120.0
DUBHE = (sys.executable, str(Path(sys.executable).with_name("dubhe")))


def titled(document: str, title: str) -> str:
    """Return the document's one code block of that title."""
    text = (ROOT / document).read_text("utf-8")
    found = [block.text for block in code_blocks(text) if block.title == title]
    assert len(found) == 1, f"{document} has {len(found)} blocks with the title {title}"
    return found[0]


def dubhe(*arguments: str, folder: Path) -> str:
    """Run a command in a folder, as a reader does; return its output."""
    done = subprocess.run(
        [*DUBHE, *arguments],
        cwd=folder,
        env=clean_environ(LC_ALL="C.UTF-8", DUBHE_TEMPORARY=str(folder / "temporary")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def messages(folder: Path) -> list[tuple[str, dict[str, object]]]:
    """Return what reached the journals below a folder: a word for each, and its data."""
    journals = sorted(path for path in folder.rglob("journal") if path.is_dir())
    found = [message for journal in journals for message in read_journal(journal)]
    return [(says(message), message["value"]["data"]) for message in found]
