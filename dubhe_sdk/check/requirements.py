"""What ``requirements.txt`` asks for that does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# What the web front and the sidecar need; see dubhe-runtime's own metadata.
_OF_RUNTIME = ("falcon", "gevent", "gunicorn", "kafka-python")
_LINE = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*([^;#]*)")


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong, a sentence each."""
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        found = _LINE.match(line)
        if found is None:
            continue
        name = re.sub(r"[-_.]+", "-", found[1]).lower()
        wanted = found[2].strip()
        if name == "dubhe-sdk" and re.search(r"(==|<=?|~=)\s*[0-2]\b", wanted):
            yield (
                f"{path}:{number} asks for dubhe-sdk{wanted}, an earlier package; remove the line, "
                "or write dubhe-core, which has no dependencies"
            )
        elif name in _OF_RUNTIME and wanted:
            yield (
                f"{path}:{number} asks for {name}{wanted}; dubhe-runtime may need another version. "
                "Install dubhe-core beside it, dubhe-sdk in an environment of its own, and set "
                "DUBHE_COMMAND, as the base image does"
            )
