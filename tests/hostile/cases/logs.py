"""Logging, standard streams and consoles that are turned off, closed, or read by nobody."""

from __future__ import annotations

from typing import Any

from tests.hostile.case import Case, algorithm, training
from tests.hostile.observation import Observation
from tests.hostile.play import Play, stopped, two_tasks

_FAIL = "READY, START, END 300"

# A line, a value that is worth a warning, and a failure: what the log must have of them.
_SPEAKS = """
report(ctx)
ctx.log("a line of the algorithm")
ctx.logProgressByEpoch(1, 0.5, {"loss": float("nan")})
raise OSError("the training failed")
"""
_IN_THE_LOG = ("a line of the algorithm", "Traceback", "the training failed", "NaN")

_DICT = """
import logging.config
logging.getLogger("somebody")
logging.config.dictConfig({
    "version": 1,
    "handlers": {"out": {"class": "logging.StreamHandler"}},
    "root": {"level": "ERROR", "handlers": ["out"]},
})
"""
_FILE = """
import logging.config
logging.config.fileConfig("logging.ini")
"""
_INI = """
[loggers]
keys=root
[handlers]
keys=out
[formatters]
keys=
[logger_root]
level=ERROR
handlers=out
[handler_out]
class=StreamHandler
args=(sys.stderr,)
"""
_EVERY_LOGGER = """
import logging
for name in list(logging.Logger.manager.loggerDict):
    logger = logging.getLogger(name)
    logger.setLevel(logging.CRITICAL)
    logger.handlers.clear()
    logger.propagate = False
"""


def _speaks(name: str, top: str, **more: Any) -> Case:
    return Case(
        name,
        algorithm(_SPEAKS, top=f"import logging, codecs, io\n{top.strip()}"),
        messages=_FAIL,
        absent=("finished",),
        log=_IN_THE_LOG,
        check=_no_noise,
        **more,
    )


def _no_noise(seen: Observation) -> None:
    assert "--- Logging error ---" not in seen.console
    assert seen.log.count("a line of the algorithm") == 1


def _stops_the_service(play: Play) -> None:
    """What was started is a shell; the operator stops the service itself."""
    two_tasks(play)
    play.stop(pid=play.container_parent())


# Starts app.py with a console that is full already, and that nobody will read.
_FULL_CONSOLE = """
import fcntl, os, sys
reading, writing = os.pipe()
os.set_inheritable(reading, True)  # stays open: nothing breaks, nothing is read
os.set_blocking(writing, False)
try:
    while True: os.write(writing, bytes(65536))
except BlockingIOError:
    pass
os.set_blocking(writing, True)
os.dup2(writing, 1)
os.dup2(writing, 2)
os.execv(sys.executable, [sys.executable, "-u", "app.py"])
"""

_SAVES = """
try:
    for step in range(100_000):
        report(ctx, step / 100_000)
        ctx.log("step %d", step)
        if step == 2: note("training")
        time.sleep(0.01)
except dubhe_sdk.TaskStopped:
    note("saved")
    raise
"""

CASES = [
    _speaks("none", ""),
    _speaks("dictConfig disables the loggers that exist", _DICT),
    _speaks("fileConfig disables the loggers that exist", _FILE, files={"logging.ini": _INI}),
    _speaks("logging.disable", "logging.disable(logging.CRITICAL)"),
    _speaks("every logger is set to CRITICAL and emptied", _EVERY_LOGGER),
    _speaks("basicConfig(force=True)", "logging.basicConfig(level=logging.ERROR, force=True)"),
    _speaks(
        "logging.Logger is replaced", "logging.setLoggerClass(type('L', (logging.Logger,), {}))"
    ),
    _speaks("sys.stderr is closed", "sys.stderr.close()"),
    _speaks("sys.stderr is detached", "codecs.getwriter('utf-8')(sys.stderr.detach())"),
    _speaks("sys.stderr is wrapped", "sys.stderr = io.TextIOWrapper(sys.stderr.buffer)"),
    _speaks("sys.stdout and sys.stderr are None", "sys.stdout = sys.stderr = None"),
    _speaks("sys.stderr raises", "sys.stderr.write = lambda text: 1 / 0"),
    _speaks("descriptor 2 is closed", "os.close(2)"),
    _speaks("descriptors 1 and 2 lead to a file", "os.dup2(os.open('o', 65), 1); os.dup2(1, 2)"),
    _speaks("the log is JSON", "", env={"DUBHE_LOG_FORMAT": "json"}),
    Case(
        "the algorithm's own loggers",
        algorithm(
            """
            logging.getLogger(__name__).info("of my own logger")
            logging.info("of the root logger")
            report(ctx)
            """,
            top="import logging",
        ),
        log=("of my own logger", "of the root logger"),
        console=("of my own logger",),
    ),
    Case(
        "ctx.log is given what logging cannot format",
        algorithm(
            r"""
            class Mute:
                def __str__(self): raise OSError("no text")
                __repr__ = __str__
            loop = []; loop.append(loop)
            ctx.log("loss %d", float("inf"))
            ctx.log("%s", Mute()); ctx.log(Mute())
            ctx.log("two places %s %s", 1); ctx.log("no place", 1, 2)
            ctx.log("%(name)s"); ctx.log("%z", 1); ctx.log("100%")
            ctx.log(None); ctx.log(b"bytes"); ctx.log(loop)
            ctx.log("failed", exc_info=True, stack_info=True, extra={"message": 1}, stacklevel=9)
            ctx.log("\udcb9.png \x00 \x1b[1m")
            ctx.log("x" * 10_000_000)
            report(ctx)
            """
        ),
        log=("100%",),
    ),
    Case(
        "the log's file and folder are deleted",
        algorithm(
            """
            import shutil
            ctx.log("before")
            shutil.rmtree("temporary/log", ignore_errors=True)
            report(ctx)
            ctx.log("afterwards")
            report(ctx)
            """
        ),
        play=two_tasks,
        messages="READY, START, END 200, START, END 200",
        console=("afterwards",),
    ),
    Case(
        "nobody reads the console, and it is stopped",
        algorithm(_SAVES),
        command=("python3", "console.py"),
        files={"console.py": _FULL_CONSOLE},
        play=stopped,
        messages=_FAIL,
        status=143,
        notes=("saved",),
    ),
    Case(
        "nobody reads the console, and it prints",
        algorithm("report(ctx); ctx.log('x' * 1000); report(ctx)"),
        command=("python3", "console.py"),
        files={"console.py": _FULL_CONSOLE},
        play=two_tasks,
        messages="READY, START, END 200, START, END 200",
    ),
    Case(
        "who reads the console goes away",
        training(),
        messages="READY, START, END 200, START, END 200",
        command=("bash", "-c", "python3 -u app.py 2>&1 | head -c 1"),
        play=_stops_the_service,
    ),
]
