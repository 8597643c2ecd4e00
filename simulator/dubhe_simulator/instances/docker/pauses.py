"""`PauseWatcher`: which containers of one platform are paused.

A paused container answers nothing, and nothing of it tells why: its output goes on as if it had
nothing to say. The engine knows, and announces each change on a connection that stays open, so
fifty instances cost no more than one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

AGAIN_S = 2.0  # before another attempt


class PauseWatcher:
    """Starts with `start`; its thread ends with the process.

    Args:
        client: the engine's.
        label: of the containers, ``NAME=VALUE``.
    """

    def __init__(self, client: DockerClient, label: str) -> None:
        self._client = client
        self._label = label
        self._thread = threading.Thread(target=self._run, name="paused", daemon=True)
        self.paused: frozenset[str] = frozenset()
        """Their ids."""

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def _run(self) -> None:
        from docker.errors import DockerException
        from urllib3.exceptions import HTTPError

        while True:
            # An engine that is away is told by the instances' own connections.
            with contextlib.suppress(DockerException, HTTPError, OSError):
                self._follow()
            time.sleep(AGAIN_S)

    def _follow(self) -> None:
        about = {"type": "container", "label": self._label, "event": ["pause", "unpause"]}
        with contextlib.closing(self._client.events(filters=about, decode=True)) as changes:
            # What has changed before. Not later: 20.10 lists the change a moment after its word.
            now = {"label": self._label, "status": "paused"}
            self.paused = frozenset(c["Id"] for c in self._client.api.containers(filters=now))
            for each in changes:
                one = frozenset([each["id"]])
                self.paused = self.paused | one if each["Action"] == "pause" else self.paused - one
