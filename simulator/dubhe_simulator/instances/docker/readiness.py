"""Whether an instance has reported READY, from the SDK's log on the mounted folder.

The log has a line for every message, wherever the messages themselves go: brokers may have names
that only the container's network knows.
"""

from __future__ import annotations

import re
from pathlib import Path

# Text, or JSON (DUBHE_LOG_FORMAT).
_LINE = re.compile(r'(?:INFO \d+ |"message":")(READY|END) (\d+) ((?:(?!","fields":).)*)')
STATUS_OK = "200"


class Readiness:
    """Follows the log of one run, which need not exist yet.

    Attributes:
        ready: whether READY was reported.
        failure: what an END before it says; None as long as there is none.
    """

    def __init__(self, temporary: Path) -> None:
        self._log = temporary / "log" / "dubhe.log"
        self._offset = 0
        self.ready = False
        self.failure: str | None = None

    def poll(self) -> None:
        """Read what was added.

        Raises:
            OSError: the log is there but cannot be read.
        """
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                added = file.read()
        except FileNotFoundError:
            return
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            found = _LINE.search(line)
            if found and found[1] == "READY":
                self.ready = True
            elif found and found[2] != STATUS_OK and not self.ready:
                self.failure = found[3]
