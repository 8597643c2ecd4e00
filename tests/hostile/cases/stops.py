"""Tasks that are stopped: what they save, and what the platform is told."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from tests.hostile.case import BOTH, HEAD, HTTP, LAUNCH, NOHUP, RUN_SH, SERVE, Case, algorithm
from tests.hostile.observation import Observation
from tests.hostile.play import Play, stopped

_CUT = "READY, START, END 300"

# Trains for longer than any test takes.
_LOOP = """
for step in range(100_000):
    report(ctx, step / 100_000)
    if step == 2: note("training")
    time.sleep(0.01)
"""

_SAVES = """
try:
    for step in range(100_000):
        report(ctx, step / 100_000)
        if step == 2: note("training")
        time.sleep(0.01)
except dubhe_sdk.TaskStopped:
    time.sleep(0.2)
    note("saved")
    report(ctx)
    raise
"""

_SAVES_AND_PRINTS = """
try:
    for step in range(100_000):
        report(ctx, step / 100_000)
        print("step", step, flush=True)
        if step == 2: note("training")
        time.sleep(0.01)
except dubhe_sdk.TaskStopped:
    print("saving", flush=True)
    time.sleep(0.2)
    note("saved")
    print("saved", flush=True)
    raise
"""

_HANDLER_EXITS = """
def save(*_):
    note("saved")
    time.sleep(0.7)  # the stop is repeated meanwhile
    note("complete")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
"""

_HANDLER_SETS_A_FLAG = """
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
for step in range(100_000):
    report(ctx, step / 100_000)
    if step == 2: note("training")
    time.sleep(0.01)
    if asked:
        note("saved", asked=len(asked))
        return
"""

_GOES_ON_TO_ITS_END = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for step in range(30):
    report(ctx, (step + 1) / 30)
    if step == 2: note("training")
    time.sleep(0.02)
"""

_LIGHTNING = """
class SIGTERMException(SystemExit): pass
def handle(*_): raise SIGTERMException()
signal.signal(signal.SIGTERM, handle)
"""

_EVENT_LOOP = """
async def beside():
    while True:
        deadline = time.monotonic() + 0.01
        while time.monotonic() < deadline: pass
        await asyncio.sleep(0)

async def main():
    helper = asyncio.create_task(beside())
    try:
        for step in range(100_000):
            report(ctx, step / 100_000)
            if step == 2: note("training")
            await asyncio.sleep(0.01)
    except BaseException:
        note("saved")
        raise

asyncio.run(main())
"""

_SWALLOWS_EVERYTHING = """
note("training")
while True:
    try:
        report(ctx)
        time.sleep(0.01)
    except BaseException:
        note("swallowed")
"""

_POLLS = """
told = []
ctx.on_stop(lambda: told.append(1))
ctx.on_stop(lambda: 1 / 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note("training")
while not ctx.stopping: report(ctx); time.sleep(0.01)
note("saved", told=told)
return
"""

_SAVING_FAILS = """
try:
    note("training")
    time.sleep(600)
except dubhe_sdk.TaskStopped:
    raise OSError(28, "No space left on device", "model.pth")
"""

_IN_C = """
libc = ctypes.CDLL(None)
libc.signal(signal.SIGTERM, libc.abort)
"""

_CHILD_SAVES_FOR_IT = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
try:
    note("training")
    child.wait()
finally:
    child.terminate()
    child.wait()
    note("saved")
"""

# Ranks, a child with the default action as data loaders are, and one that ignores the signal.
_RANKS_SAVE = """
ranks = [subprocess.Popen([sys.executable, "rank.py"]) for _ in range(2)]
loader = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
wait_noted("rank trains", 2)
try:
    note("training")
    time.sleep(600)
except dubhe_sdk.TaskStopped:
    for rank in ranks: rank.wait()
    note("saved", loader=loader.poll())
    raise
"""
_RANK = f"""
{HEAD}
ctx = dubhe_sdk.current_context()
def save(*_):
    report(ctx)
    note("rank saved")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
report(ctx)
note("rank trains")
while True: time.sleep(0.01)
"""

# Children that have nothing to save: the interpreter would wait for them at its end.
_CHILDREN_ARE_LEFT = """
context = multiprocessing.get_context("spawn")
workers = [context.Process(target=time.sleep, args=(600,)) for _ in range(2)]
for worker in workers: worker.start()
threading.Thread(target=subprocess.run, args=(["sleep", "600"],)).start()
try:
    note("training")
    time.sleep(600)
except dubhe_sdk.TaskStopped:
    note("saved")
    raise
"""

_TEE = "export protocol=tcp\npython3 -u app.py 2>&1 | tee train.log\n"

_RUN = "export protocol={protocol}\n{line}\n"


def _saved(name: str, body: str, **more: Any) -> Case:
    given: dict[str, Any] = {
        "play": stopped,
        "messages": _CUT,
        "status": 143,
        "notes": ("saved",),
        "absent": ("finished",),
        "end": "stopped",
        **more,
    }
    return Case(name, algorithm(body, top="import asyncio"), **given)


def _one_told(seen: Observation) -> None:
    assert [entry["told"] for entry in seen.noted("saved")] == [[1]]


def _once(seen: Observation) -> None:
    assert seen.notes.count("saved") == 1


def _asked_once(seen: Observation) -> None:
    assert [entry["asked"] for entry in seen.noted("saved")] == [1]


def _ranks_saved_first(seen: Observation) -> None:
    assert seen.notes.count("rank saved") == 2
    assert seen.noted("saved")[0]["loader"] is None  # nobody has ended it meanwhile
    assert len(seen.data) == 4


def _last_lines_are_there(seen: Observation) -> None:
    lines = (seen.folder / "train.log").read_text("utf-8")
    assert "saving" in lines
    assert "saved" in lines


def _stopped_while_constructing(play: Play) -> None:
    play.wait_note("constructing")
    play.stop()


def _stopped_twice(play: Play) -> None:
    stopped(play)
    play.wait_note("saving")
    play.stop()


def _stopped_by(signum: int) -> Callable[[Play], None]:
    def play(play: Play) -> None:
        play.ready()
        assert play.start()["flag"] == 1
        play.wait_note("training")
        play.stop(signum)

    return play


def _stopped_idle(play: Play) -> None:
    play.ready()
    play.task()
    play.stop()


CASES = [
    _saved("saves in except TaskStopped", _SAVES, protocols=BOTH),
    _saved("saves, started by dubhe serve", _SAVES, command=SERVE, protocols=HTTP),
    _saved(
        "saves, started by run.sh",
        _SAVES_AND_PRINTS,
        command=RUN_SH,
        files={"run.sh": _RUN.format(protocol="tcp", line="exec python3 -u app.py")},
        console=("saved",),
    ),
    _saved(
        "saves, started by dubhe launch without exec",
        _SAVES_AND_PRINTS,
        command=LAUNCH,
        files={"run.sh": _RUN.format(protocol="tcp", line="python3 -u app.py")},
        console=("saved",),
    ),
    _saved(
        "saves, started in a subshell in the background",
        _SAVES_AND_PRINTS,
        command=LAUNCH,
        files={"run.sh": _RUN.format(protocol="tcp", line="(python3 -u app.py) & wait")},
        console=("saved",),
    ),
    _saved("saves, started by nohup", _SAVES, command=NOHUP),
    _saved(
        "saves, and tee takes its output",
        _SAVES_AND_PRINTS,
        command=LAUNCH,
        files={"run.sh": _TEE},
        check=_last_lines_are_there,
    ),
    _saved(
        "saves in little time",
        _SAVES,
        env={"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "2"},
    ),
    _saved(
        "ranks save, loaders are left alone",
        _RANKS_SAVE,
        files={"rank.py": _RANK},
        check=_ranks_saved_first,
    ),
    _saved("children with nothing to save are left", _CHILDREN_ARE_LEFT),
    _saved("saves in finally, after its child", _CHILD_SAVES_FOR_IT),
    _saved(
        "its own handler exits with 0", _HANDLER_EXITS + _LOOP, notes=("complete",), check=_once
    ),
    _saved("its own handler sets a flag", _HANDLER_SETS_A_FLAG, check=_asked_once),
    _saved("a library's handler exits with None", _LIGHTNING + _LOOP, notes=()),
    _saved(
        "SIGTERM is ignored, and the training goes on to its end",
        _GOES_ON_TO_ITS_END,
        messages="READY, START, END 200",
        status=0,
        notes=("finished",),
        absent=(),
        end="",
    ),
    _saved(
        "SIGTERM has its default action",
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n" + _LOOP,
        notes=(),
        end="",
    ),
    _saved("a handler in C takes SIGTERM", _IN_C + _SAVES),
    _saved("TaskStopped vanishes in an event loop", _EVENT_LOOP),
    _saved(
        "every exception is swallowed",
        _SWALLOWS_EVERYTHING,
        env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "1"},
        notes=("swallowed",),
    ),
    _saved("it polls ctx.stopping", _POLLS, check=_one_told, log=("ZeroDivisionError",)),
    _saved("saving fails", _SAVING_FAILS, notes=(), log=("No space left on device", "Traceback")),
    _saved(
        "a second SIGTERM comes while it saves",
        """
        try:
            note("training")
            time.sleep(600)
        except dubhe_sdk.TaskStopped:
            note("saving")
            time.sleep(60)
            note("saved too late")
        """,
        play=_stopped_twice,
        notes=("saving",),
        absent=("saved too late",),
        end="",
    ),
    *(
        _saved(
            f"it waits in {name}",
            f"""
            try:
                note("training")
                {line}
            except dubhe_sdk.TaskStopped:
                note("saved")
                raise
            """,
        )
        for name, line in [
            ("time.sleep", "time.sleep(600)"),
            ("a lock", "lock = threading.Lock(); lock.acquire(); lock.acquire()"),
            ("a queue", "import queue; queue.Queue().get()"),
            ("a child process", "subprocess.run(['sleep', '600'])"),
            ("a pipe", "os.read(os.pipe()[0], 1)"),
            (
                "threads that go on",
                "t = threading.Thread(target=time.sleep, args=(3,)); t.start(); t.join()",
            ),
        ]
    ),
    *(
        _saved(f"{number.name} stops it", _SAVES, play=_stopped_by(number), end=number.name)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    ),
    Case(
        "it is stopped while it is constructed",
        algorithm("pass", constructor='note("constructing"); time.sleep(600)'),
        play=_stopped_while_constructing,
        messages="",
        status=0,
        absent=("started",),
    ),
    Case(
        "it is stopped while idle, and SIGTERM is taken",
        algorithm("report(ctx)", top="signal.signal(signal.SIGTERM, lambda *_: None)"),
        play=_stopped_idle,
    ),
]
