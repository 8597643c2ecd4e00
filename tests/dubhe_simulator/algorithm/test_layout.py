from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.errors import CannotStart


@pytest.mark.parametrize(
    ("script", "protocol"),
    [
        ('export protocol="http"\npython3 -u app.py', "http"),
        ("export protocol='tcp'\n", "tcp"),
        ("  export protocol=HTTP # comment\n", "http"),
        ("protocol=http\nexport protocol\n", "http"),
        ('# export protocol="http"\nexport protocol=" tcp "\n', "tcp"),
        ("python3 -u app.py\n", "tcp"),
    ],
)
def test_the_script_decides_the_protocol(tmp_path: Path, script: str, protocol: str) -> None:
    (tmp_path / "run.sh").write_text(script)
    algorithm = read_algorithm(tmp_path, "http" if protocol == "tcp" else "tcp")
    assert algorithm.protocol == protocol
    assert algorithm.command[-1] == "run.sh"


def test_without_a_script_the_option_decides(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    algorithm = read_algorithm(tmp_path, "http")
    assert (algorithm.protocol, algorithm.command) == ("http", (sys.executable, "-u", "app.py"))


def test_an_unknown_protocol(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("export protocol=grpc\n")
    with pytest.raises(CannotStart, match='protocol="grpc"'):
        read_algorithm(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"neither run\.sh nor app\.py"):
        read_algorithm(tmp_path)


def test_the_name_fits_into_an_instance_id(tmp_path: Path) -> None:
    folder = tmp_path / "my-缺陷 net"
    folder.mkdir()
    (folder / "app.py").touch()
    assert read_algorithm(folder).name == "my_net"
