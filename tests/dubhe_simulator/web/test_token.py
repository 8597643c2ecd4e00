from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.commands.send import main as send
from dubhe_simulator.commands.ui import main
from dubhe_simulator.web.token import PageToken, is_loopback
from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.ui import Ui


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.0.2.7", False),
        ("localhost.example", False),
    ],
)
def test_which_addresses_this_machine_alone_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_a_link_holds_the_token_as_an_address_can() -> None:
    assert (
        PageToken("a/b+c&d", was_set=False).link("http://h:1") == "http://h:1/?token=a%2Fb%2Bc%26d"
    )
    assert PageToken(None, was_set=False).link("http://h:1") == "http://h:1"


@pytest.mark.parametrize("token", ["short", "with a blank", "令牌令牌令牌令牌", ""])
def test_a_token_that_nobody_could_send_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    arguments = ["--runs-dir", str(tmp_path / "runs"), "--port", "0", "--no-open"]
    assert main([*arguments, "--token", token]) == 1
    assert "--token is no usable token" in capsys.readouterr().out
    assert main([*arguments, "--token-file", str(file)]) == 1
    assert f"{file} is no usable token" in capsys.readouterr().out
    assert main([*arguments, "--token-file", str(tmp_path / "none")]) == 1
    assert "the token cannot be read" in capsys.readouterr().out


def test_dubhe_send_shows_the_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fake_algorithm(tmp_path / "net")
    with Ui(tmp_path / "runs", folder, "--host", "0.0.0.0") as ui:
        assert send(["train", "--ui", ui.url]) == 1
        assert "demands a token" in capsys.readouterr().err
        assert send(["train", "--ui", ui.link, "--wait"]) == 0
        monkeypatch.setenv("DUBHE_UI_TOKEN", ui.token or "")
        assert send(["infer", "--ui", ui.url]) == 0
