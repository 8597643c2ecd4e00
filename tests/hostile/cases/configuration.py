"""Environments, folders and ways to start that are not as the manual has them."""

from __future__ import annotations

from typing import Any

from dubhe_sdk.process.command import dubhe_command
from tests.hostile.case import BOTH, HEAD, HTTP, LAUNCH, RUN_SH, SERVE, Case, algorithm, training
from tests.hostile.observation import Observation
from tests.hostile.play import Play, does_not_start, two_tasks

_TWO = "READY, START, END 200, START, END 200"
_SHORT = training(steps=5)
_PYTHON = ("python3", "-u", "app.py")

_OWN_MODULE = "raise ImportError('this is the algorithm\\'s own module')\n"

_ACCOUNT_ABOVE = """
import importlib.util, pathlib, sys
above = pathlib.Path(__file__).resolve().parents[1] / "account.py"
spec = importlib.util.spec_from_file_location("account", above)
sys.modules["account"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["account"])
"""

_OPTIONS = """
note("options", optimize=sys.flags.optimize, utf8=sys.flags.utf8_mode, warns=sys.warnoptions)
report(ctx)
"""


def _refused(name: str, part: str, **more: Any) -> Case:
    """It must not start, and must say why."""
    return Case(
        name,
        _SHORT,
        play=does_not_start,
        messages="",
        status=2,
        absent=("started",),
        console=(part,),
        **more,
    )


def _invalid(name: str, app: str, end: str, **more: Any) -> Case:
    """An app that cannot be loaded."""
    return Case(
        name,
        app,
        play=does_not_start,
        messages="END 300",
        status=1,
        end=end,
        absent=("started",),
        **more,
    )


def _options(seen: Observation) -> None:
    [options] = seen.noted("options")
    assert (options["optimize"], options["utf8"], options["warns"]) == (1, 1, ["ignore"])


def _stops_the_service(play: Play) -> None:
    """The shell above the service would not hand the signal on."""
    play.ready()
    play.task()
    play.stop(pid=play.container_parent())


CASES = [
    Case("dubhe serve", _SHORT, command=SERVE, protocols=BOTH),
    Case("python3 app.py, buffered", _SHORT, command=("python3", "app.py")),
    Case("an absolute path", _SHORT, command=("bash", "-c", 'exec python3 -u "$PWD/app.py"')),
    Case(
        "run.sh as in the manual",
        _SHORT,
        command=RUN_SH,
        protocols=HTTP,
        files={"run.sh": 'export protocol="http"\npython3 -u app.py\n'},
        play=_stops_the_service,
    ),
    Case(
        "dubhe launch, and run.sh changes the folder",
        _SHORT,
        command=LAUNCH,
        files={"run.sh": "cd sub\ncd ..\nexec python3 -u app.py\n", "sub/nothing": ""},
    ),
    Case(
        "an app of another name",
        command=(*dubhe_command(), "serve", "train model.py"),
        files={"train model.py": _SHORT},
    ),
    Case(
        "another name, started plainly",
        command=("python3", "-u", "main.py"),
        files={"main.py": _SHORT},
    ),
    Case("python3 -m app", _SHORT, command=("python3", "-m", "app")),
    Case(
        "a block for __main__ that trains at once",
        _SHORT + "\nif __name__ == '__main__':\n    note('trained by hand')\n",
        absent=("trained by hand",),
    ),
    Case(
        "app.py is a link",
        command=("bash", "-c", "ln -s src/real.py app.py; exec python3 -u app.py"),
        files={"src/real.py": _SHORT, "src/account.py": _ACCOUNT_ABOVE},
    ),
    Case(
        "options of the interpreter",
        algorithm(_OPTIONS),
        command=("python3", "-O", "-B", "-X", "utf8", "-W", "ignore", "-u", "app.py"),
        env={"LC_ALL": "C"},
        check=_options,
    ),
    Case(
        "the project's own modules are called as Python's",
        _SHORT,
        files=dict.fromkeys(("queue.py", "tempfile.py", "json.py", "logging.py"), _OWN_MODULE),
        command=_PYTHON,
    ),
    Case(
        "no HOME, no TMPDIR, the locale C",
        _SHORT,
        command=("env", "-u", "HOME", "-u", "TMPDIR", "LC_ALL=C", "python3", "-u", "app.py"),
    ),
    Case(
        "blanks and carriage returns around values",
        _SHORT,
        env={"DUBHE_LOG_FORMAT": " text\r", "DUBHE_INFERENCE_QUEUE": "\t5 "},
    ),
    Case(
        "service links of Kubernetes",
        _SHORT,
        env={
            "DUBHE_METRICS_PORT": "tcp://10.0.0.1:9090",
            "DUBHE_METRICS_PORT_9090_TCP_ADDR": "10.0.0.1",
            "KAFKA_PORT": "tcp://10.0.0.2:9092",
        },
    ),
    Case("a relative folder for everything", _SHORT, env={"DUBHE_TEMPORARY": "temporary"}),
    Case(
        "a umask that lets nobody read",
        _SHORT,
        command=("bash", "-c", "umask 0777; exec python3 -u app.py"),
        status=0,
    ),
    Case(
        "few open files",
        _SHORT,
        command=("bash", "-c", "ulimit -n 64; exec python3 -u app.py"),
        play=two_tasks,
        messages=_TWO,
    ),
    Case("standard input is closed", _SHORT, command=("bash", "-c", "exec python3 -u app.py 0<&-")),
    *(
        Case(
            f"{name} closed",
            _SHORT,
            command=("bash", "-c", f"exec python3 -u app.py {how}"),
            play=two_tasks,
            messages=_TWO,
        )
        for name, how in [
            ("standard output is", "1>&-"),
            ("standard error is", "2>&-"),
            ("all standard streams are", "0<&- 1>&- 2>&-"),
        ]
    ),
    Case(
        "descriptors of the caller stay open",
        _SHORT,
        command=("bash", "-c", "exec 3<app.py 4<app.py 7<app.py 9>out python3 -u app.py"),
    ),
    Case(
        "the working directory is removed",
        algorithm("os.mkdir('data'); os.chdir('data'); os.rmdir('../data'); report(ctx)"),
        play=two_tasks,
        messages="READY, START, END 200, START, END 300",
        end="FileNotFoundError",
    ),
    _refused("a port that is none", "PORT", env={"PORT": "http"}),
    _refused("a protocol that is none", "protocol", env={"protocol": "https"}),
    _refused("an instance id of two parts", "INSTANCE_ID", env={"INSTANCE_ID": "train-1"}),
    _refused("an instance of an unknown kind", "INSTANCE_ID", env={"INSTANCE_ID": "a-b-learn-c"}),
    _refused(
        "the platform's mode without its variables", "BOOTSTRAP_SERVERS", env={"PLATFORM_TYPE": "1"}
    ),
    _refused(
        "brokers of a URL", "BOOTSTRAP_SERVERS", env={"BOOTSTRAP_SERVERS": "http://kafka:9092"}
    ),
    _refused(
        "a topic of an illegal name", "TOPIC_MODEL_RESULT", env={"TOPIC_MODEL_RESULT": "模型 结果"}
    ),
    _refused(
        "two time limits that do not fit",
        "DUBHE_TASK_STOP_TIMEOUT_SECONDS",
        env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "10", "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "5"},
    ),
    _refused(
        "a time limit that cannot work",
        "DUBHE_TRANSFER_TIMEOUT_SECONDS",
        env={"DUBHE_TRANSFER_TIMEOUT_SECONDS": "0"},
    ),
    _refused("parameters that are no JSON", "special_params", env={"special_params": "{'a': 1}"}),
    _refused("a size with a unit", "DUBHE_SPOOL_MAX_BYTES", env={"DUBHE_SPOOL_MAX_BYTES": "1GB"}),
    _refused("a spool that is a file", "spool", env={"DUBHE_SPOOL_DIR": "app.py"}),
    _invalid("a syntax error", f"{HEAD}\ndef train(:\n", "SyntaxError", command=SERVE),
    Case(
        "a syntax error that Python finds before it imports anything",
        f"{HEAD}\ndef train(:\n",
        play=does_not_start,
        messages="",
        status=1,
        console=("SyntaxError",),
    ),
    _invalid("an import that fails", "import dubhe_sdk, torchvisionary", "torchvisionary"),
    _invalid("no class is marked", HEAD, "no class marked"),
    _invalid("no method of this kind", algorithm("pass", kind="predict"), "train"),
    _invalid("the app leaves at its import", f"{HEAD}\nsys.exit(0)\n", "SystemExit"),
    _invalid(
        "a class without a constructor for ctx",
        algorithm("pass").replace("__init__(self, ctx)", "__init__(self)"),
        "__init__",
    ),
    _invalid(
        "two methods of one kind",
        algorithm("pass", methods="@dubhe_sdk.train()\ndef again(self, ctx): pass"),
        "expected one",
    ),
]
