from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

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


def test_it_is_main_as_python_would_run_it(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        import os, sys
        import __main__
        assert __name__ == "__main__" and __main__.__dict__ is globals()
        assert os.path.samefile(__file__, "app.py")
        assert sys.argv[1:] == ["-x", "文"] and os.path.samefile(sys.argv[0], "app.py")
        assert os.path.samefile(sys.path[0], ".")
        assert __builtins__ and len([]) == 0
        print("fine")
        """,
        "-x",
        "文",
    )
    assert done.stdout == "fine\n", done.stderr


def test_classes_are_pickled_as_those_of_main(tmp_path: Path) -> None:
    source = """
        import pickle
        class Net: value = 5
        open("net", "wb").write(pickle.dumps(Net(), 0))
        assert type(pickle.load(open("net", "rb"))) is Net
    """
    done = run(tmp_path, source)
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "net").read_bytes()
    assert b"__main__\nNet" in data
    # `python3 app.py` writes the very same.
    subprocess.run([sys.executable, "app.py"], cwd=tmp_path, check=True)
    assert (tmp_path / "net").read_bytes() == data
    assert pickle.PROTO not in data[:1]


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
