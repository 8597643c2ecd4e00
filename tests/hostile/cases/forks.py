"""Child processes that leave, outlive or forget the method that made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.hostile.case import BOTH, Case, algorithm
from tests.hostile.observation import Observation
from tests.hostile.play import Play, one_task, six_inferences, two_tasks

# A helper beside the training, as in a script; afterwards the training goes on.
_HELPER = """
report(ctx)
child = os.fork()
if child == 0:
    {leave}
_, status = os.waitpid(child, 0)
note("helper ended", status=os.waitstatus_to_exitcode(status))
for _ in range(3):
    report(ctx)
ctx.logProgress(1)
"""

_INFER = """
if not hasattr(self, "helper"):
    self.helper = os.fork()
    if self.helper == 0:
        {leave}
    os.waitpid(self.helper, 0)
return ["result of " + ctx.get("image_names")[0]]
"""

_LATE_CHILD = """
report(ctx)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    note("daemon")
    while True:
        report(ctx)
        time.sleep(0.01)
wait_noted("daemon")
time.sleep(0.1)
"""

_POOL_OVER_TASKS = """
import concurrent.futures

def paths_of_the_task():
    return dubhe_sdk.current_context().get("data_paths")

def report_one():
    report(dubhe_sdk.current_context())
"""
_POOL_BODY = """
if not hasattr(self, "pool"):
    context = multiprocessing.get_context("{method}")
    self.pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
note("worker has", paths=self.pool.submit(paths_of_the_task).result())
note("method has", paths=ctx.get("data_paths"))
self.pool.submit(report_one).result()
report(ctx)
"""


def _two_tasks_of_other_data(play: Play) -> None:
    play.ready()
    play.task(data_paths=["/data/1"])
    play.task(data_paths=["/data/2"])


def _own_data_each(seen: Observation) -> None:
    for who in ("worker has", "method has"):
        assert [entry["paths"] for entry in seen.noted(who)] == [["/data/1"], ["/data/2"]]


def _own_replies(seen: Observation) -> None:
    for number, reply in enumerate(seen.replies):
        assert (reply["flag"], reply.get("data")) == (1, [f"result of {number}.png"]), reply


def _helper_status(status: int) -> Callable[[Observation], None]:
    def check(seen: Observation) -> None:
        assert [entry["status"] for entry in seen.noted("helper ended")] == [status] * 2
        assert len(seen.noted("report returned")) == 8

    return check


def _leaves(name: str, leave: str, status: int, **more: Any) -> Case:
    return Case(
        f"a forked helper {name}",
        algorithm(_HELPER.format(leave=leave)),
        play=two_tasks,
        messages="READY, START, END 200, START, END 200",
        check=_helper_status(status),
        **more,
    )


def _reports_of_children(count: int) -> Callable[[Observation], None]:
    def check(seen: Observation) -> None:
        main = seen.noted("started")[0]["pid"]
        arrived = [data for data in seen.data if data.get("pid") not in (None, main)]
        assert len(arrived) == count

    return check


CASES = [
    _leaves("calls sys.exit", "sys.exit(0)", 0),
    _leaves("exits with a text", "sys.exit('nothing to do')", 1),
    _leaves("returns", "return", 0),
    _leaves("raises", "raise OSError('the download failed')", 1, log=("the download failed",)),
    _leaves("is interrupted", "raise KeyboardInterrupt", 1),
    _leaves("ends by os._exit", "os._exit(7)", 7),
    _leaves("becomes another program", "os.execvp('true', ['true'])", 0),
    _leaves("kills itself", "os.kill(os.getpid(), signal.SIGKILL)", -9),
    _leaves("closes all descriptors", "os.closerange(0, 256); sys.exit(0)", 0),
    *(
        Case(
            f"a helper forked in an inference {name}",
            algorithm(_INFER.format(leave=leave), kind="inference"),
            kind="inference",
            protocols=BOTH,
            play=six_inferences,
            messages="READY",
            check=_own_replies,
        )
        for name, leave in [
            ("calls sys.exit", "sys.exit(0)"),
            ("returns", "return ['result of the child']"),
            ("raises", "raise OSError('the download failed')"),
        ]
    ),
    Case(
        "a helper forked in an inference in a thread",
        algorithm(_INFER.format(leave="sys.exit(0)"), kind="inference"),
        kind="inference",
        env={"DUBHE_INFERENCE_CONCURRENCY": "2"},
        play=six_inferences,
        messages="READY",
        check=_own_replies,
    ),
    Case(
        "the module forks at its import",
        algorithm("report(ctx)", top="if os.fork() == 0: sys.exit(0)"),
    ),
    Case(
        "the constructor forks a helper that returns",
        algorithm("report(ctx)", constructor="if os.fork() == 0: return"),
    ),
    Case(
        "a daemon reports on after the task's end",
        algorithm(_LATE_CHILD),
        play=two_tasks,
        messages="READY, START, END 200, START, END 200",
        log=("after the end of its task is dropped",),
    ),
    *(
        Case(
            f"a pool ({method}) is kept over two tasks",
            algorithm(_POOL_BODY.format(method=method), top=_POOL_OVER_TASKS),
            env={"TMPDIR": "/tmp"},  # the server's socket lies there: its path must be short
            play=_two_tasks_of_other_data,
            messages="READY, START, END 200, START, END 200",
            check=_own_data_each,
        )
        for method in ("fork", "spawn", "forkserver")
    ),
    Case(
        "forks beside a thread that logs all the time",
        algorithm(
            """
            over = threading.Event()
            def chatter():
                while not over.is_set():
                    ctx.log("a line of a chatty thread")
            thread = threading.Thread(target=chatter)
            thread.start()
            children = []
            for _ in range(40):
                child = os.fork()
                if child == 0:
                    time.sleep(30)
                    os._exit(0)
                children.append(child)
            for _ in range(3):
                report(ctx)
            over.set()
            thread.join()
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            """
        ),
    ),
    Case(
        "thirty short children report",
        algorithm(
            """
            for _ in range(30):
                child = os.fork()
                if child == 0:
                    report(ctx)
                    os._exit(0)
                os.waitpid(child, 0)
            """
        ),
        check=_reports_of_children(30),
    ),
    Case(
        "a child is forked in a thread and leaves it",
        algorithm(
            """
            def work():
                if os.fork() == 0:
                    report(ctx)
                    return
                os.wait()
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            report(ctx)
            """
        ),
        check=_reports_of_children(1),
    ),
    Case(
        "SIGCHLD is ignored and children are never waited for",
        algorithm(
            """
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            for _ in range(5):
                subprocess.Popen(["true"])
            report(ctx)
            """
        ),
        play=two_tasks,
        messages="READY, START, END 200, START, END 200",
    ),
    Case(
        "worker processes of multiprocessing report",
        algorithm(
            """
            context = multiprocessing.get_context("spawn")
            workers = [context.Process(target=work, args=(ctx,)) for _ in range(2)]
            for worker in workers: worker.start()
            for worker in workers: worker.join()
            """,
            top="""
            def work(ctx):
                for _ in range(3):
                    report(ctx)
            """,
        ),
        play=one_task,
        check=_reports_of_children(6),
    ),
]
