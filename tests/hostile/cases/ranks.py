"""Processes that a launcher starts for one training: ranks, data loaders, scripts."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.case import HEAD, Case, algorithm
from tests.hostile.observation import Observation
from tests.hostile.play import two_tasks

_TWO = "READY, START, END 200, START, END 200"

_RANK = f"""
{HEAD}
ctx = dubhe_sdk.current_context()
for _ in range(5): report(ctx)
note("rank", paths=ctx.get("data_paths"))
"""

# What torchrun and its like do: one process for each rank, the environment tells which.
_LAUNCHER = """
ranks = [
    subprocess.Popen(
        [sys.executable, {script!r}],
        env={{**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}},
    )
    for rank in range(2)
]
note("ranks ended", statuses=[rank.wait() for rank in ranks])
report(ctx)
"""

_APP_AS_RANK = """
if "RANK" in os.environ:
    context = dubhe_sdk.current_context()
    for _ in range(5): report(context)
    note("rank")
"""


def _ranks_reported(count: int) -> Callable[[Observation], None]:
    def check(seen: Observation) -> None:
        assert seen.notes.count("rank") == count
        main = seen.noted("started")[0]["pid"]
        assert len([d for d in seen.data if d["pid"] != main]) == 5 * count

    return check


def _tool_ran(seen: Observation) -> None:
    [tool] = seen.noted("tool")
    assert (tool["status"], tool["text"]) == (0, "converted")


CASES = [
    Case(
        "ranks of a script",
        algorithm(_LAUNCHER.format(script="rank.py")),
        files={"rank.py": _RANK},
        play=two_tasks,
        messages=_TWO,
        check=_ranks_reported(4),
    ),
    Case(
        "app.py itself is the script of the ranks",
        algorithm(_LAUNCHER.format(script="app.py"), top=_APP_AS_RANK),
        play=two_tasks,
        messages=_TWO,
        check=_ranks_reported(4),
    ),
    Case(
        "a rank fails and the method raises",
        algorithm(
            """
            report(ctx)
            subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], check=True)
            """
        ),
        messages="READY, START, END 300",
        end="CalledProcessError",
    ),
    Case(
        "ranks live on when the method has returned",
        algorithm(
            """
            rank = subprocess.Popen([sys.executable, "rank.py"], start_new_session=True)
            wait_noted("rank")
            """
        ),
        files={"rank.py": _RANK + "while True: report(ctx); time.sleep(0.01)\n"},
    ),
    Case(
        "a rank's own workers report",
        algorithm("subprocess.run([sys.executable, 'rank.py'], check=True)"),
        files={
            "rank.py": """
            import multiprocessing
            import dubhe_sdk
            from account import note, report

            def work():
                for _ in range(5): report(dubhe_sdk.current_context())
                note("rank")

            if __name__ == "__main__":
                context = multiprocessing.get_context("spawn")
                workers = [context.Process(target=work) for _ in range(2)]
                for worker in workers: worker.start()
                for worker in workers: worker.join()
            """
        },
        check=_ranks_reported(2),
    ),
    Case(
        "spawned data loaders import app.py again",
        algorithm(
            """
            multiprocessing.set_start_method("spawn", force=True)
            with multiprocessing.Pool(2) as pool:
                note("loaded", sizes=pool.map(len, [[1], [1, 2]]))
            report(ctx)
            """
        ),
        play=two_tasks,
        messages=_TWO,
    ),
    Case(
        "a rank is killed while it reports",
        algorithm(
            """
            rank = subprocess.Popen([sys.executable, "rank.py"])
            wait_noted("rank")
            rank.kill()
            rank.wait()
            report(ctx)
            """
        ),
        files={"rank.py": _RANK + "while True: report(ctx)\n"},
    ),
    Case(
        "a script that imports the package is run as a tool",
        algorithm(
            """
            done = subprocess.run(
                [sys.executable, "tools/convert.py"], capture_output=True, text=True
            )
            note("tool", status=done.returncode, text=done.stdout.strip())
            report(ctx)
            """
        ),
        files={"tools/convert.py": "import dubhe_sdk\nprint('converted')\n"},
        check=_tool_ran,
    ),
]
