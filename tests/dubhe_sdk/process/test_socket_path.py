from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dubhe_sdk.process.socket_path import address


@pytest.mark.parametrize("length", [10, 107, 108, 200])
def test_paths_of_any_length_can_be_bound_and_connected(tmp_path: Path, length: int) -> None:
    short = len(os.fsencode(tmp_path / "s"))
    folder = tmp_path / ("f" * max(1, length - short - 1))
    folder.mkdir()
    path = folder / "s"
    descriptors = len(os.listdir("/proc/self/fd"))
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with address(path) as fitting:
            server.bind(fitting)
        server.listen()
        assert path.is_socket()
        with address(path) as fitting:
            client.connect(fitting)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), address(tmp_path / ("f" * 200) / "s"):
        pass
