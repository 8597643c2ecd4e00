"""`ContainerWatcher`: which containers of one platform are paused, and which are nobody's.

A paused container answers nothing, and nothing of it tells why: its output goes on as if it had
nothing to say. And an engine may create a container although its answer was waited for in vain:
whoever asked for it has given up by then. The engine announces both on a connection that stays
open, so fifty instances cost no more than one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

AGAIN_S = 2.0  # before another attempt


class ContainerWatcher:
    """Starts with `start`; its thread ends with the process.

    Args:
        client: the engine's.
        label: of the containers, ``NAME=VALUE``.
        found: called with the name of each container that there is, or that is created later.
    """

    def __init__(
        self, client: DockerClient, label: str, found: Callable[[str], None] = lambda name: None
    ) -> None:
        self._client = client
        self._label = label
        self._found = found
        self._thread = threading.Thread(target=self._run, name="containers", daemon=True)
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
        events = ["create", "pause", "unpause"]
        about = {"type": "container", "label": self._label, "event": events}
        with contextlib.closing(self._client.events(filters=about, decode=True)) as changes:
            # What has changed before. Not later: 20.10 lists the change a moment after its word.
            self._list()
            for each in changes:
                one = frozenset([each["id"]])
                if each["Action"] == "create":
                    self._found(each["Actor"]["Attributes"]["name"])
                elif each["Action"] == "pause":
                    self.paused |= one
                else:
                    self.paused -= one

    def _list(self) -> None:
        containers = self._client.api.containers(all=True, filters={"label": self._label})
        self.paused = frozenset(c["Id"] for c in containers if c["State"] == "paused")
        for each in containers:
            for name in each["Names"] or ():
                self._found(name.lstrip("/"))
