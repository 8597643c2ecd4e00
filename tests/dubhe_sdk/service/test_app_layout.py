"""What an algorithm's folder may look like: its modules, classes and pickles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dubhe_sdk.service.algorithms import PROTOCOLS, REPORTING, app_with
from tests.dubhe_sdk.service.harness import INFERENCE_ID, PREDICT_ID, App


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_modules_of_the_folder_named_like_pythons_own(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, REPORTING, protocol=protocol, env={"special_params": "{}"}) as app:
        for name in (
            "queue", "logging", "json", "socket", "selectors", "subprocess", "tempfile",
            "argparse", "dataclasses", "pathlib", "enum", "typing", "signal", "http", "gevent",
            "shutil", "secrets", "ctypes", "orjson", "traceback", "linecache", "struct", "heapq",
            "re", "collections", "operator", "keyword", "functools", "types", "contextlib",
        ):  # fmt: skip
            app.write(f"{name}.py", f"raise ImportError('the folder has a {name}.py of its own')")
        app.start()
        app.train(data_paths=["/data/文"])
        app.wait_reported("END")
        app.terminate()
        assert app.wait() == 0
        assert app.reported[-1] == "END 200"


def test_a_module_of_the_folder_is_found_by_the_app(tmp_path: Path) -> None:
    top = "import helper; assert helper.VALUE == 5; assert sys.path[0] == os.getcwd()"
    with App(tmp_path, app_with(top=top)) as app:
        app.write("helper.py", "VALUE = 5")
        app.start()
        app.train()
        app.wait_reported("END 200")


def test_classes_imported_from_other_modules_one_per_kind(tmp_path: Path) -> None:
    module = """
        from pathlib import Path
        import dubhe_sdk

        @dubhe_sdk.pipeline()
        class {name}:
            def __init__(self, ctx):
                Path("constructed").open("a").write("{name} ")

            @dubhe_sdk.{kind}()
            def run(self, ctx):
                return ["{name}"]
    """
    for kind, instance_id in (("predict", PREDICT_ID), ("inference", INFERENCE_ID)):
        with App(tmp_path / kind, instance_id=instance_id) as app:
            app.write("app.py", "import dubhe_sdk\nfrom models import a, b, c\n")
            (app.folder / "models").mkdir()
            for file, name, its in (
                ("a", "Trains", "train"),
                ("b", "Predicts", "predict"),
                ("c", "Infers", "inference"),
            ):
                app.write(f"models/{file}.py", module.format(name=name, kind=its))
            app.start()
            if kind == "predict":
                app.predict()
                app.wait_reported("END 200")
            else:
                assert app.infer()["data"] == ["Infers"]
            expected = "Predicts " if kind == "predict" else "Infers "
            assert (app.folder / "constructed").read_text() == expected


def test_one_class_with_several_methods_in_manual_mode(tmp_path: Path) -> None:
    with App(tmp_path / "my-app", REPORTING, instance_id="") as app:
        app.start()
        assert app.train(data_paths=["/data/文"])["flag"] == 1
        app.wait_reported("END 200")
        assert {m["value"]["instance_id"] for m in app.messages} == {"manual-my_app-train-1"}


NET = """
import multiprocessing, os, pickle
import dubhe_sdk
from dubhe_sdk import ContextKey

class Net:
    def __init__(self, weight):
        self.weight = weight

def work(net, sender):
    assert type(net) is Net
    ctx = dubhe_sdk.current_context()
    ctx.logProgressByEpoch(1, 0.5, {"weight": net.weight})
    sender.send(Net(net.weight + 1))

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        path = ctx.get(ContextKey.ENV_MODEL_PATH)
        self.net = pickle.load(open(path, "rb")) if path else None

    @dubhe_sdk.train()
    def train(self, ctx):
        net = Net(5)
        for method in ("spawn", "fork"):
            processes = multiprocessing.get_context(method)
            receiver, sender = processes.Pipe(duplex=False)
            process = processes.Process(target=work, args=(net, sender))
            process.start()
            net = receiver.recv()
            process.join()
        with open("model.bin", "wb") as file:
            pickle.dump(net, file)

    @dubhe_sdk.inference()
    def infer(self, ctx):
        assert type(self.net) is Net
        return [self.net.weight]

if __name__ == "__main__":
    open("run as main", "a").write("x")
"""


def test_classes_of_the_app_in_spawned_processes_and_pickles(tmp_path: Path) -> None:
    with App(tmp_path / "train", NET) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        assert app.data[1:] == [
            {"action": "START", "status": 200, "msg": "model train starting"},
            {"weight": 5, "progress": 0.5, "epoch": 1},
            {"weight": 6, "progress": 0.5, "epoch": 1},
            {"action": "END", "status": 200, "msg": "model train end"},
        ]
        path = app.folder / "model.bin"
        assert b"\x03app" in path.read_bytes()
        assert not (app.folder / "run as main").exists()
    env = {"model_path": str(path)}
    with App(tmp_path / "inference", NET, INFERENCE_ID, env=env) as other:
        other.start()
        assert other.infer()["data"] == [7]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_folder_on_pythonpath_may_hold_modules_named_like_our_packages(
    tmp_path: Path, protocol: str
) -> None:
    top = "import kafka, helper; assert kafka.OURS == helper.OURS == 1"
    with App(tmp_path, app_with(top=top), protocol=protocol, env={"PYTHONPATH": "."}) as app:
        for name in ("kafka", "falcon", "gevent", "gunicorn", "greenlet", "crc32c", "helper"):
            app.write(f"{name}.py", "OURS = 1")
        app.start()
        app.train()
        app.wait_reported("END 200")
        app.terminate()
        assert app.wait() == 0
        assert "starts again" not in app.console
