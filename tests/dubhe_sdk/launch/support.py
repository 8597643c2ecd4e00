"""Starts commands by `dubhe launch`."""

from __future__ import annotations

import shlex
import sys

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.harness import App

PYTHON = shlex.quote(sys.executable)


# Says so many messages; then waits for SIGTERM and says one more.
SPEAKER = """
import os, signal, sys, time
import dubhe_sdk

ctx = dubhe_sdk.Context()
for number in range(int(sys.argv[1])):
    ctx.logProgress(number / int(sys.argv[1]))
if len(sys.argv) > 2:
    def last_words(signum, stack):
        time.sleep(0.1)
        ctx.logProgress(1)
        os._exit(7)
    signal.signal(signal.SIGTERM, last_words)
    open("speaking", "w").write(str(os.getpid()))
    while True:
        time.sleep(600)
"""


def launch(app: App, *command: str, **env: str) -> App:
    """Start ``dubhe launch -- COMMAND`` in the app's folder."""
    app.env.update(env)
    app.write("speaker.py", SPEAKER)
    return app.start([*dubhe_command(), "launch", "--", *command], until=None)


def progress(app: App) -> list[float]:
    """Return what was delivered."""
    return [data["progress"] for data in app.data]
