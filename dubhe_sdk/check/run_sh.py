"""What ``run.sh`` does, as far as its text shows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from dubhe_sdk.environment import PROTOCOLS
from dubhe_sdk.process.shell_script import windows_line_ends

_PROTOCOL = re.compile(r"^\s*(?:export\s+)?protocol=[\"']?([^\"'\s;#]*)", re.MULTILINE)
_EXPORTED = re.compile(r"^\s*export\s+(?:.*\s)?protocol\b", re.MULTILINE)
_STARTS = re.compile(
    r"^\s*(?:exec\s+)?\S*python[0-9.]*\s+(?:-\S+\s+)*(\S+\.(?:py|pyc))", re.MULTILINE
)


def started_file(path: Path) -> Path | None:
    """Return the Python file that the script starts last; None if that cannot be seen."""
    found = _STARTS.findall(path.read_text("utf-8", "replace"))
    return path.parent / found[-1] if found else None


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with the script, a sentence each."""
    ends = windows_line_ends(path)
    if ends:
        yield ends
    text = path.read_text("utf-8", "replace")
    if not os.access(path, os.X_OK) and text.startswith("#!"):
        yield f"{path} cannot be executed: chmod +x {path.name}, or start it by `bash {path.name}`"
    found = _PROTOCOL.findall(text)
    if not found:
        yield f"{path} sets no protocol, so it is tcp: write `export protocol=http` or `=tcp`"
    elif found[-1] not in PROTOCOLS and "$" not in found[-1]:
        yield f"{path} sets protocol={found[-1]}, expected http or tcp"
    elif not _EXPORTED.search(text):
        yield f"{path} sets protocol without `export`, so the service does not see it"
