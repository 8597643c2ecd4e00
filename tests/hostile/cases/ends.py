"""Methods that end in other ways than by returning, or that never really began."""

from __future__ import annotations

from typing import Any

from tests.hostile.case import BOTH, HEAD, Case, algorithm, training
from tests.hostile.observation import Observation
from tests.hostile.play import Play, does_not_start, one_task, two_tasks

_TWO_FAIL = "READY, START, END 300, START, END 300"
_TWO = "READY, START, END 200, START, END 200"
_FINISHED = 'note("finished", task=ctx.get("algorithm_id"))'

# A class as users write it, whose method is not what it seems.
_UNRUN = """
{head}
import asyncio

{top}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    {method}
"""

_REPORTS_ON = """
def go_on():
    for _ in range(200):
        report(ctx)
        report(ctx, result=True)
        time.sleep(0.005)
    note("through")
thread = threading.Thread(target=go_on, daemon={daemon})
thread.start()
report(ctx)
"""

_HOLDS_THE_LOCK = """
report(ctx)
ctypes.PyDLL(None).usleep(700_000)  # a call into C that keeps the interpreter lock
report(ctx)
"""


def _raises(name: str, line: str, end: str, top: str = "", **more: Any) -> Case:
    return Case(
        f"the method raises {name}",
        algorithm(f"report(ctx)\n{line}", top=top),
        play=two_tasks,
        messages=_TWO_FAIL,
        absent=("finished",),
        end=end,
        **more,
    )


def _dies(name: str, line: str, status: int, end: str) -> Case:
    return Case(
        f"the process {name}",
        algorithm(f"for _ in range(5): report(ctx)\n{line}"),
        play=_task_and_exit,
        messages="READY, START, END 300",
        status=status,
        end=end,
        absent=("finished",),
    )


def _unrun(name: str, method: str, messages: str, end: str, top: str = "") -> Case:
    begins = messages.startswith("READY")
    return Case(
        f"nothing runs: {name}",
        _UNRUN.format(head=HEAD, top=top, method=method),
        play=one_task if begins else does_not_start,
        messages=messages,
        status=0 if begins else 1,
        end=end,
        absent=("ran",),
        check=_nothing_is_awaited_late,
    )


def _nothing_is_awaited_late(seen: Observation) -> None:
    assert "was never awaited" not in seen.console


def _task_and_exit(play: Play) -> None:
    play.ready()
    assert play.start()["flag"] == 1
    play.wait_exit()


def _until_late_threads_are_through(play: Play) -> None:
    two_tasks(play)
    play.wait_note("through", 2)


def _constructor(name: str, line: str, end: str, status: int = 1) -> Case:
    return Case(
        f"the constructor {name}",
        algorithm("pass", constructor=line),
        play=does_not_start,
        messages="END 300",
        status=status,
        end=end,
        absent=("started",),
    )


def _two_of_other_data(play: Play) -> None:
    play.ready()
    play.task(data_paths=["/data/1"])
    play.task(data_paths=["/data/2"])


def _own_data(seen: Observation) -> None:
    assert [entry["paths"] for entry in seen.noted("has")] == [["/data/1"], ["/data/2"]]


def _start_is_early(play: Play) -> None:
    play.wait_note("constructing")
    assert play.start()["flag"] == 1
    play.wait_end()
    if play.app.ends()[0]["status"] == 300:
        play.wait_exit()


CASES = [
    Case("none", training(), protocols=BOTH, play=two_tasks, messages=_TWO),
    Case("none, evaluation", algorithm("report(ctx, result=True)", kind="predict"), "forecast"),
    Case("the method returns something", algorithm(f"{_FINISHED}; return {{'loss': 1}}")),
    Case("the method leaves by sys.exit(0)", algorithm(f"{_FINISHED}; sys.exit(0)")),
    _raises("an exception", "raise ValueError('no images')", "ValueError: no images"),
    _raises("SystemExit with a status", "sys.exit(3)", "SystemExit: 3"),
    _raises("SystemExit with a text", "sys.exit('no GPU')", "SystemExit: no GPU"),
    _raises("KeyboardInterrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    _raises("GeneratorExit", "raise GeneratorExit", "GeneratorExit"),
    _raises("StopIteration", "next(iter([]))", "StopIteration"),
    _raises("TaskStopped of its own", "raise dubhe_sdk.TaskStopped('enough')", "enough"),
    _raises("RecursionError", "f = lambda: f(); f()", "RecursionError"),
    _raises("MemoryError", "bytearray(2**62)", "MemoryError"),
    _raises(
        "what has no text",
        "raise Mute()",
        "Mute",
        top="class Mute(Exception):\n    def __str__(self): raise OSError('no text')",
    ),
    _raises("a text with ANSI codes and lines", r"raise OSError('a\n\x1b[1mb\r\x00c')", "OSError"),
    _raises("a text of a megabyte", "raise OSError('x' * 2**20)", "OSError: xxx"),
    _raises("a text that is no UTF-8", r"raise OSError('\udcb9.png')", "OSError"),
    _dies("leaves by os._exit(0)", "os._exit(0)", 1, ""),
    _dies("leaves by os._exit(9)", "os._exit(9)", 9, ""),
    _dies("aborts", "os.abort()", 134, "SIGABRT"),
    _dies("reads at address 0", "ctypes.string_at(0)", 139, "SIGSEGV"),
    _dies("is ended by an alarm", "signal.alarm(1); time.sleep(60)", 142, "SIGALRM"),
    _dies("kills itself", "os.kill(os.getpid(), signal.SIGKILL)", 137, "SIGKILL"),
    _constructor("raises", "raise OSError('no weights')", "OSError: no weights"),
    _constructor("leaves by sys.exit", "sys.exit(0)", "SystemExit"),
    _constructor("is killed", "os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", 137),
    _unrun(
        "a method with yield",
        "@dubhe_sdk.train()\n    def train(self, ctx):\n        note('ran'); yield 1",
        "END 300",
        "generator",
    ),
    _unrun(
        "an async method",
        "@dubhe_sdk.train()\n    async def train(self, ctx): note('ran')",
        "END 300",
        "async",
    ),
    _unrun(
        "a wrapper around an async method",
        "@dubhe_sdk.train()\n    @plain\n    async def train(self, ctx): note('ran')",
        "READY, START, END 300",
        "the coroutine",
        top="def plain(method):\n    return lambda *given: method(*given)",
    ),
    _unrun(
        "a wrapper around a generator",
        "@dubhe_sdk.train()\n    @plain\n    def train(self, ctx): note('ran'); yield",
        "READY, START, END 300",
        "the generator",
        top="def plain(method):\n    return lambda *given: method(*given)",
    ),
    _unrun(
        "an async generator is returned",
        "@dubhe_sdk.train()\n    def train(self, ctx): return work()",
        "READY, START, END 300",
        "the async generator",
        top="async def work():\n    note('ran'); yield 1",
    ),
    *(
        Case(
            f"a {name} reports after the task's end",
            algorithm(_REPORTS_ON.format(daemon=daemon)),
            play=_until_late_threads_are_through,
            messages=_TWO,
            log=("after the end of its task is dropped",),
        )
        for name, daemon in (("thread", False), ("daemon thread", True))
    ),
    Case(
        "an exit handler reports after the task's end",
        algorithm("report(ctx); atexit.register(report, ctx)", top="import atexit"),
        play=two_tasks,
        messages=_TWO,
    ),
    Case(
        "a thread leaves by sys.exit",
        algorithm("t = threading.Thread(target=sys.exit); t.start(); t.join(); report(ctx)"),
    ),
    Case(
        "the method changes the working directory and clears the environment",
        algorithm("os.chdir('/'); os.environ.clear(); report(ctx)"),
        play=two_tasks,
        messages=_TWO,
    ),
    Case(
        "the constructor keeps its context",
        algorithm(
            "note('has', paths=self.kept.get('data_paths')); report(self.kept)",
            constructor="self.kept = ctx",
        ),
        play=_two_of_other_data,
        messages=_TWO,
        check=_own_data,
    ),
    Case(
        "a start comes while the model is constructed",
        algorithm("report(ctx)", constructor="note('constructing'); time.sleep(0.5)"),
        protocols=BOTH,
        play=_start_is_early,
    ),
    Case(
        "a start comes while the model is constructed, in vain",
        algorithm(
            "report(ctx)",
            constructor="note('constructing'); time.sleep(0.5); raise OSError('no weights')",
        ),
        play=_start_is_early,
        messages="END 300",
        status=1,
        end="no weights",
    ),
    Case(
        "the method empties the folder for temporary files",
        algorithm(
            "shutil.rmtree(os.environ['TMPDIR']); report(ctx)",
            top="import shutil",
        ),
        play=one_task,
    ),
    Case(
        "the method closes the standard streams",
        algorithm("for fd in (0, 1, 2): os.close(fd)\nreport(ctx); ctx.log('still here')"),
        play=two_tasks,
        messages="READY, START, END 200, START, END 300",
        log=("still here",),
    ),
    Case(
        "every process seeds its random numbers alike",
        algorithm(
            """
            for _ in range(4):
                if os.fork() == 0:
                    random.seed(0)
                    report(ctx)
                    os._exit(0)
                os.wait()
            random.seed(0)
            report(ctx)
            """,
            top="import random",
        ),
        play=two_tasks,
        messages=_TWO,
    ),
    Case(
        "the interpreter lock is held",
        algorithm(_HOLDS_THE_LOCK),
        protocols=BOTH,
    ),
    Case(
        "threads compute and the switch interval is a minute",
        algorithm(
            """
            sys.setswitchinterval(60)
            deadline = time.monotonic() + 0.5
            def compute():
                while time.monotonic() < deadline: sum(range(1000))
            threads = [threading.Thread(target=compute) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            report(ctx)
            """
        ),
    ),
    Case(
        "gevent patches everything",
        algorithm(
            "report(ctx); time.sleep(0.05); ctx.log('patched'); report(ctx)",
            top="from gevent import monkey; monkey.patch_all()",
        ),
        play=two_tasks,
        messages=_TWO,
        log=("patched",),
    ),
    Case(
        "warnings are errors",
        algorithm(
            """
            warnings.simplefilter("error")
            thread = threading.Thread(target=time.sleep, args=(0.2,))
            thread.start()
            report(ctx)
            ctx.logProgressByEpoch(1, float("nan"), {"loss": float("nan"), "name": "x"})
            ctx.logResult({1, 2})
            thread.join()
            """,
            top="import warnings",
        ),
    ),
    Case(
        "the files a process may write are limited",
        algorithm(
            """
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
            report(ctx)
            report(ctx, result=True)
            """
        ),
        play=two_tasks,
        messages=_TWO,
    ),
]
