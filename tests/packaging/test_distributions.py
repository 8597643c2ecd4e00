"""What is in the wheels and source archives, and what they require."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dubhe_sdk import __version__
from tests.packaging.conftest import Environment, size_of
from tests.support.distributions import FOLDERS, ROOT

pytestmark = pytest.mark.slow

PACKAGES = {
    "dubhe-core": "dubhe_sdk",
    "dubhe-runtime": "dubhe_sidecar",
    "dubhe-simulator": "dubhe_simulator",
    "dubhe-sdk": None,
}
REQUIRED = {
    "dubhe-core": set(),
    "dubhe-runtime": {"dubhe-core"},
    "dubhe-simulator": {"dubhe-core"},
    "dubhe-sdk": {"dubhe-core", "dubhe-runtime", "dubhe-simulator"},
}
# Not compiled: the size of compiled files depends on the folder that they lie in.
CORE_BYTES = 1_000_000
PRIVATE_INTERFACES = {"gunicorn", "gevent", "falcon", "kafka-python"}


def metadata(wheel: Path) -> Message:
    """Return a wheel's METADATA."""
    return Parser().parsestr(text_of(wheel, "METADATA"))


def text_of(wheel: Path, name: str) -> str:
    """Return a file of a wheel's ``.dist-info``; empty if there is none."""
    with zipfile.ZipFile(wheel) as archive:
        for path in archive.namelist():
            if path.endswith(f".dist-info/{name}"):
                return archive.read(path).decode()
    return ""


def requirements(wheel: Path) -> list[Requirement]:
    """Return what a wheel requires without extras."""
    lines = metadata(wheel).get_all("Requires-Dist") or []
    return [Requirement(line) for line in lines if "extra ==" not in line]


@pytest.mark.parametrize("name", FOLDERS)
def test_one_version_and_one_licence(wheels: dict[str, Path], name: str) -> None:
    found = metadata(wheels[name])
    assert found["Name"] == name
    assert found["Version"] == __version__
    assert found["License-Expression"] == "MIT"
    assert found.get_all("License-File") == ["LICENSE"]
    assert text_of(wheels[name], "licenses/LICENSE") == (ROOT / "LICENSE").read_text()
    assert found.get_payload().strip()


@pytest.mark.parametrize("name", FOLDERS)
def test_each_has_its_package_alone(wheels: dict[str, Path], name: str) -> None:
    with zipfile.ZipFile(wheels[name]) as archive:
        tops = {path.partition("/")[0] for path in archive.namelist()}
        # Compiled caches and leftovers of an editor are not meant to be published.
        assert not [path for path in archive.namelist() if path.endswith((".pyc", "~"))]
    package = PACKAGES[name]
    info = f"{name.replace('-', '_')}-{__version__}.dist-info"
    assert tops == ({package, info} if package else {info})


@pytest.mark.parametrize("name", FOLDERS)
def test_they_require_each_other_exactly(wheels: dict[str, Path], name: str) -> None:
    # An earlier, different dubhe-sdk is on the public index.
    ours = {r.name: str(r.specifier) for r in requirements(wheels[name]) if "dubhe" in r.name}
    assert ours == dict.fromkeys(REQUIRED[name], f"=={__version__}")


def test_core_requires_nothing(wheels: dict[str, Path]) -> None:
    assert requirements(wheels["dubhe-core"]) == []


@pytest.mark.parametrize("name", ["dubhe-runtime", "dubhe-simulator"])
def test_whose_private_interfaces_are_used_has_an_upper_bound(
    wheels: dict[str, Path], name: str
) -> None:
    open_above = [
        requirement.name
        for requirement in requirements(wheels[name])
        if requirement.name in PRIVATE_INTERFACES
        and not any(part.operator == "<" for part in requirement.specifier)
    ]
    assert open_above == []


def test_what_the_image_locks_is_what_is_required(wheels: dict[str, Path]) -> None:
    lock = (ROOT / "image" / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    for name in ("dubhe-runtime", "dubhe-simulator"):
        for requirement in requirements(wheels[name]):
            if "dubhe" not in requirement.name:
                assert requirement.specifier.contains(locked[requirement.name]), requirement


def test_the_commands(wheels: dict[str, Path]) -> None:
    assert "dubhe = dubhe_sdk.cli.main:main" in text_of(wheels["dubhe-sdk"], "entry_points.txt")
    assert text_of(wheels["dubhe-core"], "entry_points.txt") == ""
    for name, package in (
        ("dubhe-runtime", "dubhe_sidecar"),
        ("dubhe-simulator", "dubhe_simulator"),
    ):
        lines = text_of(wheels[name], "entry_points.txt").split("\n")
        assert lines[0] == "[dubhe.commands]"
        modules = {line.partition(" = ")[2] for line in lines[1:] if line}
        assert modules
        assert all(module.startswith(f"{package}.commands.") for module in modules)


def test_the_description_has_no_link_that_leads_nowhere(wheels: dict[str, Path]) -> None:
    text = metadata(wheels["dubhe-sdk"]).get_payload()
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
    assert [a or b for a, b in links if not (a or b).startswith(("http", "#", "mailto:"))] == []


def test_core_is_small(wheels: dict[str, Path], tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    before = set(environment.folder.rglob("*"))
    environment.install("--no-compile", wheels["dubhe-core"])
    added = [path for path in environment.folder.rglob("*") if path not in before]
    assert 0 < size_of([path for path in added if path.is_file()]) < CORE_BYTES
    version = "import dubhe_sdk; print(dubhe_sdk.__version__)"
    assert environment.run("python3", "-c", version) == f"{__version__}\n"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_source_archive_gives_the_same_wheel(
    wheels: dict[str, Path], tmp_path: Path, name: str
) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, FOLDERS[name]]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as members:
        assert [member.name for member in members if not member.isfile()] == []
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.read_bytes() == wheels[name].read_bytes()


def test_an_editable_installation_is_the_checkout(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    folders = [word for folder in FOLDERS.values() for word in ("-e", folder)]
    environment.install("hatchling", "editables")  # once, and not for each of the four
    environment.install("--no-deps", "--no-build-isolation", *folders)
    show = "import dubhe_sdk as a, dubhe_simulator as b; print(a.__file__, b.__file__)"
    files = [Path(word) for word in environment.run("python3", "-c", show).split()]
    assert [file.parents[1] for file in files] == [ROOT, ROOT / "simulator"]
    assert environment.run("dubhe", "--version") == f"dubhe-sdk {__version__}\n"
