"""Which imports of dubhe_sdk become the service: only those of scripts that are started plainly."""

from __future__ import annotations

import os
import py_compile
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk import autostart
from tests.dubhe_sdk.service.harness import App
from tests.kafka.broker import Broker
from tests.support.environ import clean_environ
from tests.support.ports import reserved_port
from tests.support.processes import Marked

# Says that the import came back: no service was started in its place.
RETURNED = 'import dubhe_sdk\nprint("returned", flush=True)\n'

TOOL = "import runpy, sys\ndel sys.argv[0]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
APP = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.train()
    def train(self, ctx): pass
"""


DECORATED = "@dubhe_sdk.pipeline()\nclass Model: pass\n"
QUOTES = '"""'
# Source → whether a class is marked, and whether that can be seen without parsing.
SOURCES = {
    f"import dubhe_sdk\n{DECORATED}": (True, True),
    f"{QUOTES}Text.{QUOTES}\r\n@mark\r\n@dubhe_sdk.pipeline\r\nclass Model: pass": (True, True),
    f"{QUOTES}It's {chr(39) * 3}.\n{QUOTES}\ny = x @ x\n{DECORATED}": (True, True),
    f"def f():\n    r{QUOTES}@pipeline\n{DECORATED}{QUOTES}\n{DECORATED}": (True, True),
    f"T = f{QUOTES}\n{DECORATED}{QUOTES}\n": (False, False),
    f"# {QUOTES}\n{DECORATED}# {QUOTES}\n": (True, False),
    f"a = '{QUOTES}'\n{DECORATED}": (True, False),
    f"T = {QUOTES}\\{QUOTES}\n{DECORATED}{QUOTES}\n": (False, False),
    f"T = {QUOTES}\n{DECORATED}{QUOTES}\nx = '{QUOTES}'\n{DECORATED}": (True, False),
    f"{QUOTES}\n{DECORATED}": (True, False),  # the service says what is wrong
    f"if True:\n    {DECORATED}": (False, True),
    "@dubhe_sdk.pipelines()\nclass Model: pass\n": (False, True),
}

compiled: list[object] = []


def _note_compile(event: str, arguments: tuple[object, ...]) -> None:
    if event == "compile":
        compiled.append(arguments[1])


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_whether_a_script_marks_a_class(tmp_path: Path, source: str) -> None:
    if not compiled:
        sys.addaudithook(_note_compile)
    (tmp_path / "main.py").write_bytes(source.encode())
    compiled[:] = ["a mark that the hook is there"]
    marks = autostart._marks_a_class(str(tmp_path / "main.py"))
    assert (marks, "<app>" not in compiled) == SOURCES[source]


class Folder:
    """A folder to start Python in; should a service start after all, it cannot live on."""

    def __init__(self, path: Path, port: int) -> None:
        self.path = path
        self.marked = Marked()
        self.env = clean_environ(
            DUBHE_TEMPORARY=str(path / "temporary"), PORT=str(port), **self.marked.env
        )

    def run(self, *arguments: str, given: str = "", **env: str) -> str:
        """Run Python to its end; return what it wrote to stdout."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**self.env, **env},
            input=given,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, name: str, source: str) -> None:
        (self.path / name).write_text(source)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with reserved_port() as port:
        made = Folder(tmp_path, port)
        made.write("app.py", RETURNED)
        yield made
        left = made.marked.living()
        made.marked.kill()
        assert not left
        assert not (tmp_path / "temporary").exists()


# --- what becomes the service -------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ["-u"],
        [],
        ["-X", "dev"],
        ["-Xutf8"],
        ["-W", "ignore", "-uB"],
        ["-uX", "utf8"],
        ["-I"],
        ["--check-hash-based-pycs", "default"],
    ],
    ids=" ".join,
)
def test_a_started_app_becomes_the_service(tmp_path: Path, options: list[str]) -> None:
    with App(tmp_path, APP) as app:
        app.start([sys.executable, *options, "app.py"])
        assert app.pid in app.pids_of("launch")  # the same process, replaced
        app.terminate()
        assert app.wait() == 0


@pytest.mark.parametrize("name", ["./app.py", "../deep/app.py", "{folder}/app.py"])
def test_by_any_path(tmp_path: Path, name: str) -> None:
    with App(tmp_path / "deep", APP) as app:
        app.start([sys.executable, "-u", name.format(folder=app.folder)])


def test_as_an_executable(tmp_path: Path) -> None:
    with App(tmp_path, f"#!{sys.executable}{APP}") as app:
        (tmp_path / "app.py").chmod(0o755)
        app.start(["./app.py"])


def test_through_a_module_that_the_app_imports(tmp_path: Path) -> None:
    with App(tmp_path, "import inner\n") as app:
        app.write("inner.py", APP)
        app.start()


def test_the_app_may_have_changed_its_arguments_before(tmp_path: Path) -> None:
    source = f"import sys\ndel sys.argv[1:]\n{APP}"
    with App(tmp_path, source) as app:
        app.start([sys.executable, "-u", "app.py", "--flag", "value"])


def test_the_app_s_own_code_before_the_import_runs_twice(tmp_path: Path) -> None:
    source = f"open('names', 'a').write(__name__ + ' ')\n{APP}"
    with App(tmp_path, source) as app:
        app.start()
        assert app.wait_file("names") == "__main__ app "


def test_a_link_to_the_app(tmp_path: Path) -> None:
    with App(tmp_path / "here") as app:
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "algorithm.py").write_text(APP)
        (tmp_path / "here" / "app.py").symlink_to(tmp_path / "there" / "algorithm.py")
        app.start()


MARKINGS = {
    "a line of its own": APP,
    "another name": APP.replace("@dubhe_sdk.pipeline()", "@mark").replace(
        "import dubhe_sdk", "import dubhe_sdk\nfrom dubhe_sdk import pipeline as mark"
    ),
}
BLOCK = """
if __name__ == "__main__":
    open("block", "w").close()
"""


@pytest.mark.parametrize("marking", MARKINGS)
@pytest.mark.parametrize("started", ["main.py", "-m main"])
def test_a_script_of_any_name_that_marks_a_class(
    tmp_path: Path, marking: str, started: str
) -> None:
    with App(tmp_path) as app:
        app.write("main.py", MARKINGS[marking] + BLOCK)
        app.start([sys.executable, "-u", *started.split()])
        app.train()
        app.wait_reported("END 200")
        assert not (tmp_path / "block").exists()


@pytest.mark.parametrize("started", ["-m net.main", "-m net"])
def test_a_module_of_a_package(tmp_path: Path, started: str) -> None:
    with App(tmp_path) as app:
        (tmp_path / "net").mkdir()
        app.write("net/__init__.py", "")
        app.write("net/layers.py", "size = 5")
        for name in ("main", "__main__"):
            app.write(f"net/{name}.py", f"from .layers import size\n{APP}{BLOCK}")
        app.start([sys.executable, "-u", *started.split()])
        assert not (tmp_path / "block").exists()


def test_a_compiled_file(tmp_path: Path) -> None:
    with App(tmp_path, APP) as app:
        py_compile.compile(str(tmp_path / "app.py"), str(tmp_path / "app.pyc"))
        (tmp_path / "app.py").unlink()
        app.start([sys.executable, "-u", "app.pyc"])


IMPORTING = "import dubhe_sdk, inner\nprint('returned', flush=True)\n"


def test_a_class_of_an_imported_module_serves_on_the_platform(
    tmp_path: Path, kafka: Broker, topic: str
) -> None:
    env = {
        "PLATFORM_TYPE": "1",
        "BOOTSTRAP_SERVERS": kafka.plain_bootstrap,
        "TOPIC_MODEL_STATUS": topic,
        "TOPIC_MODEL_RESULT": topic,
    }
    with App(tmp_path, env=env) as app:
        app.write("main.py", IMPORTING)
        app.write("inner.py", APP)
        app.start([sys.executable, "-u", "main.py"], until=None)
        app.pid_of("model")


def test_a_class_of_an_imported_module_is_used_by_hand(folder: Folder) -> None:
    folder.write("inner.py", APP)
    folder.write("export.py", IMPORTING)
    assert folder.run("export.py") == "returned\n"


NOT_PLAIN = {
    "from dash c": (["-c", APP], "no script runs here"),
    "by a tool": (["tool.py", "main.py"], "it runs in tool.py"),
    "packed": (["-c", f"import sys\nsys.frozen = True\n{APP}"], "a program that was packed"),
}


@pytest.mark.parametrize("way", NOT_PLAIN)
def test_on_the_platform_silence_is_no_success(folder: Folder, way: str) -> None:
    folder.write("main.py", APP)
    folder.write("tool.py", TOOL)
    command, reason = NOT_PLAIN[way]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder.path,
        env={**folder.env, "PLATFORM_TYPE": "1"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("dubhe_sdk: nothing was served: ")
    assert "Model is marked, but" in line
    assert reason in line


# --- what does not ------------------------------------------------------------------------------


def test_a_script_of_another_name_that_marks_nothing(folder: Folder) -> None:
    folder.write("train.py", RETURNED)
    folder.write("my_app.py", RETURNED)
    assert folder.run("train.py") == "returned\n"
    assert folder.run("-u", "my_app.py", "app.py") == "returned\n"


def test_a_script_that_holds_the_text_of_an_algorithm(folder: Folder) -> None:
    folder.write("make.py", f"TEMPLATE = {chr(34) * 3}{APP}{chr(34) * 3}\n{RETURNED}")
    assert folder.run("make.py") == "returned\n"


def test_dash_c(folder: Folder) -> None:
    assert folder.run("-c", RETURNED) == "returned\n"
    assert folder.run("-c", "import app", "app.py") == "returned\n"


def test_dash_m_of_another_name_that_marks_nothing(folder: Folder) -> None:
    folder.write("other.py", RETURNED)
    assert folder.run("-m", "other") == "returned\n"


def test_stdin(folder: Folder) -> None:
    assert folder.run("-", "app.py", given=RETURNED) == "returned\n"
    assert folder.run(given=RETURNED) == "returned\n"


def test_dash_i(folder: Folder) -> None:
    assert folder.run("-i", "app.py", given="") == "returned\n"
    assert folder.run("-ui", "app.py", given="") == "returned\n"


def test_exec_as_a_notebook_does(folder: Folder) -> None:
    cell = f"""
source = {RETURNED!r}
import sys, types
module = types.ModuleType("__main__")  # as IPython does; cells have no file
sys.modules["__main__"] = module
exec(compile(source, "<ipython-input-1>", "exec"), module.__dict__)
exec(compile(source, "app.py", "exec"), module.__dict__)
"""
    folder.write("kernel.py", cell)
    assert folder.run("kernel.py") == "returned\nreturned\n"


@pytest.mark.parametrize("started", ["-m tool app.py", "tool.py app.py", "-um tool app.py"])
def test_a_tool_that_runs_the_app(folder: Folder, started: str) -> None:
    # As debuggers and profilers do; without tracing, as those of newer Pythons.
    folder.write("tool.py", TOOL)
    assert folder.run(*started.split()) == "returned\n"


def test_a_debugger_and_a_profiler(folder: Folder) -> None:
    assert "returned\n" in folder.run("-m", "pdb", "-c", "continue", "app.py", given="q\n")
    assert folder.run("-m", "cProfile", "-o", "profile", "app.py") == "returned\n"


def test_a_trace_function(folder: Folder) -> None:
    folder.write("app.py", f"import sys\nsys.settrace(lambda *args: None)\n{RETURNED}")
    assert folder.run("app.py") == "returned\n"


def test_pytest(folder: Folder) -> None:
    folder.write("test_app.py", "def test_app():\n    import app\n    import dubhe_sdk\n")
    # The cache plugin would need a folder; no configuration of this project is meant here.
    out = folder.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, ".")
    assert "1 passed" in out


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_worker_of_multiprocessing(folder: Folder, method: str) -> None:
    # The app imports the package only in its workers: in a data loader, for example.
    folder.write(
        "app.py",
        f"""
import multiprocessing

def work():
    import dubhe_sdk
    print("returned", flush=True)

if __name__ == "__main__":
    process = multiprocessing.get_context({method!r}).Process(target=work)
    process.start()
    process.join()
    print(process.exitcode)
""",
    )
    assert folder.run("app.py") == "returned\n0\n"


def test_workers_and_ranks_of_a_task(tmp_path: Path) -> None:
    # A rank is started as torchrun does it: `python -u app.py` in a process of its own.
    source = """
import multiprocessing, os, subprocess, sys
import dubhe_sdk

def work(path):
    import dubhe_sdk
    dubhe_sdk.current_context().logResult(path)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.train()
    def train(self, ctx):
        for method in ("spawn", "fork"):
            process = multiprocessing.get_context(method).Process(target=work, args=(method,))
            process.start()
            process.join()
        env = {**os.environ, "RANK": "1"}
        subprocess.run([sys.executable, "-u", "app.py"], env=env, check=True)

if os.environ.get("RANK"):
    work("rank")
"""
    with App(tmp_path, source) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        assert app.data[2:] == [
            "spawn",
            "fork",
            "rank",
            {"action": "END", "status": 200, "msg": "model train end"},
        ]
        for part in ("launch", "serve", "model", "sidecar"):
            assert len(app.pids_of(part)) == 1


# --- a wrong environment ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PORT": "http"}, "environment variable PORT is 'http', expected a whole number"),
        ({"protocol": "grpc"}, "environment variable protocol is 'grpc', expected 'http' or"),
        ({"PLATFORM_TYPE": "1"}, "environment variable BOOTSTRAP_SERVERS is missing or empty"),
        ({"INSTANCE_ID": "x"}, "environment variable INSTANCE_ID is 'x': it has 1 parts"),
        ({"special_params": "{"}, "environment variable special_params is '{', expected a JSON"),
        (
            {"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "x"},
            "environment variable DUBHE_TASK_STOP_TIMEOUT_SECONDS is 'x', expected",
        ),
    ],
)
def test_one_sentence_and_status_2(tmp_path: Path, env: dict[str, str], words: str) -> None:
    catching = f"try:\n    import dubhe_sdk\nexcept BaseException:\n    print('caught')\n{APP}"
    with App(tmp_path, catching, env=env) as app:
        app.start(until=None)
        assert app.wait() == 2
        (line,) = app.console.splitlines()
        assert words in line
        assert line.startswith(("dubhe_sdk: ", "dubhe serve: "))
        assert not app.marked.living()


def test_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    with App(tmp_path, APP, env={"DUBHE_SPOOL_DIR": os.devnull}) as app:
        app.start(until=None)
        assert app.wait() == 2
        (line,) = app.console.splitlines()
        assert "the spool directory /dev/null cannot be written" in line


def test_importing_elsewhere_does_not_mind_the_environment(folder: Folder) -> None:
    assert folder.run("-c", RETURNED, PORT="http") == "returned\n"


def test_the_package_may_lie_beside_the_app(tmp_path: Path) -> None:
    import dubhe_sdk

    with App(tmp_path, APP) as app:
        shutil.copytree(Path(dubhe_sdk.__file__).parent, tmp_path / "dubhe_sdk")
        app.start()
        app.train()
        app.wait_reported("END 200")
        app.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
        assert app.wait() == 0
