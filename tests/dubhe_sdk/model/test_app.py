from __future__ import annotations

import py_compile
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.environ import clean_environ

RUNNER = """
import sys
from pathlib import Path
from dubhe_sdk.model.app import run_app
run_app(Path(sys.argv[1]).absolute(), sys.argv[2:])
"""


def run(folder: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an app as the model process does."""
    (folder / "app.py").write_text(textwrap.dedent(source), "utf-8")
    return subprocess.run(
        [sys.executable, "-c", RUNNER, "app.py", *arguments],
        cwd=folder,
        env=clean_environ(DUBHE_PROCESS="model"),
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_it_is_a_module_of_its_own_name_and_main(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        import os, sys
        import __main__
        import app
        assert __name__ == "app" and __main__.__dict__ is globals()
        assert app is __main__ and __main__.__spec__ is None
        assert os.path.samefile(__file__, "app.py")
        assert sys.argv[1:] == ["-x", "文"] and os.path.samefile(sys.argv[0], "app.py")
        assert os.path.samefile(sys.path[0], ".")
        assert __builtins__ and len([]) == 0
        print("fine")
        if __name__ == "__main__":
            print("not in the service")
        """,
        "-x",
        "文",
    )
    assert done.stdout == "fine\n", done.stderr


@pytest.mark.parametrize("name", ["app", "__main__"])
def test_what_names_its_classes_loads(tmp_path: Path, name: str) -> None:
    class Net:
        pass

    Net.__module__, Net.__qualname__ = name, "Net"
    source = """
        import pickle
        class Net: value = 5
        read = pickle.load(open("net", "rb"))
        assert type(read) is Net
        open("net", "wb").write(pickle.dumps(read, 0))
    """
    (tmp_path / "net").write_bytes(f"c{name}\nNet\n)\x81.".encode("latin-1"))
    done = run(tmp_path, source)
    assert done.returncode == 0, done.stderr
    assert b"app\nNet" in (tmp_path / "net").read_bytes()


def test_compiled_files(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("print(__name__)")
    py_compile.compile(str(tmp_path / "other.py"), str(tmp_path / "net.pyc"))
    extension = next(
        path
        for folder in map(Path, sys.path)
        for path in (*folder.glob("lib-dynload/_*.so"), *folder.glob("_*.so"))
        if path.name.split(".")[0] not in sys.builtin_module_names
    )
    (tmp_path / extension.name).write_bytes(extension.read_bytes())
    name = extension.name.split(".")[0]
    program = f"{RUNNER}\nprint(sys.modules['__main__'].__name__)"
    for file, expected in ("net.pyc", "net\nnet\n"), (extension.name, f"{name}\n"):
        done = subprocess.run(
            [sys.executable, "-c", program, file],
            cwd=tmp_path,
            env=clean_environ(),
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.stdout == expected, done.stderr


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text("import queue\nprint(__name__, queue.Queue)\n")
    program = f"import sys\nsys.path.pop(0)\nimport queue\n{RUNNER}"
    done = subprocess.run(
        [sys.executable, "-c", program, "queue.py"],
        cwd=tmp_path,
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "__main__ <class 'queue.Queue'>\n", done.stderr


def test_an_encoding_line_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes("# -*- coding: gbk -*-\nprint(len('天枢'))\n".encode("gbk"))
    for source in ((tmp_path / "app.py").read_bytes(), b"\xef\xbb\xbfprint(2)\n"):
        (tmp_path / "app.py").write_bytes(source)
        done = subprocess.run(
            [sys.executable, "-c", RUNNER, "app.py"],
            cwd=tmp_path,
            env=clean_environ(),
            capture_output=True,
            text=True,
        )
        assert done.stdout == "2\n", done.stderr


def test_the_traceback_shows_the_apps_line(tmp_path: Path) -> None:
    done = run(tmp_path, "def fail():\n    raise ValueError('here')  # this very line\n\nfail()\n")
    assert done.returncode == 1
    assert f'File "{tmp_path}/app.py", line 2, in fail' in done.stderr
    assert "# this very line" in done.stderr


def test_future_statements_of_the_runner_do_not_leak_into_the_app(tmp_path: Path) -> None:
    done = run(tmp_path, "def f(x: 1 + 1): pass\nprint(f.__annotations__)\n")
    assert done.stdout == "{'x': 2}\n"
