"""The service as a whole: heartbeat, port, arguments."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.algorithms import PROTOCOLS, app_with
from tests.dubhe_sdk.service.harness import TRAIN_ID, App


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_heartbeat_while_the_algorithm_holds_the_interpreter(
    tmp_path: Path, protocol: str
) -> None:
    hold = """
        Path("training").write_text("1")
        ctypes.PyDLL(None).usleep(1_500_000)
        Path("released").write_text("1")
    """
    with App(tmp_path, app_with(train=hold), protocol=protocol) as app:
        app.start()
        client = app.client()
        heartbeat = {"req_type": 0, "instance_id": TRAIN_ID}
        client.send(heartbeat)
        app.train()
        app.wait_file("training")
        answered = 0
        while not (app.folder / "released").exists():
            assert client.send(heartbeat) == {"flag": 1, "message": "service online"}
            answered += 1
        assert answered > 10  # one, if it waited for the lock
        app.wait_reported("END 200")


def test_a_port_in_use(tmp_path: Path) -> None:
    with App(tmp_path, app_with()) as app, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", app.port))
        other.listen()
        app.start(until=None)
        assert app.wait() == 1
        assert app.console.splitlines()[-1] == (
            f"dubhe serve: port {app.port} cannot be listened on: another process is listening "
            "there: stop it, or name another port by PORT"
        )
        assert "Traceback" not in app.console
        assert app.reported == []
        assert not app.marked.living()


def test_arguments_reach_the_app(tmp_path: Path) -> None:
    top = 'assert sys.argv[1:] == ["--flag", "--", "-x", "文"], sys.argv'
    top += '; assert os.path.samefile(sys.argv[0], "app.py"); assert __name__ == "app"'
    with App(tmp_path, app_with(top=top)) as app:
        app.start([sys.executable, "-u", "app.py", "--flag", "--", "-x", "文"])
