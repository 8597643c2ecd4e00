"""``python3 -m dubhe_simulator.client``; what it sends for real is tested with ``dubhe init``."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dubhe_simulator.client.__main__ import main


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.json").write_text('{"req_type": 0}')
    with socket.socket() as sock:  # bound, but it does not listen
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        assert main(["tcp", address, str(tmp_path / "r.json")]) == 1
    assert "Connection refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"), [("[]", "expected a JSON object"), ("{", "r.json: "), (None, "No such file")]
)
def test_what_is_no_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["http", "127.0.0.1:8030", str(path)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
