"""What is installed for an interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.interpreter import inspect_interpreter, parse


def install(folder: Path, name: str, number: str) -> None:
    """Put a distribution's metadata into a folder, as pip does."""
    info = folder / f"{name}-{number}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")


def test_packages_are_those_that_the_algorithm_finds(tmp_path: Path) -> None:
    install(tmp_path / "first", "Detector", "2.0")
    install(tmp_path / "second", "Detector", "1.0")
    path = os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second")])
    found = inspect_interpreter((sys.executable,), {"PYTHONPATH": path}, sys.executable, Commands())
    assert found.version == sys.version.split()[0]
    assert found.packages["pytest"] == version("pytest")
    assert found.packages["Detector"] == "2.0", "the first on the path is the one that is imported"
    assert list(found.packages) == sorted(found.packages, key=str.lower)


def test_what_packages_print_at_the_start_does_no_harm() -> None:
    output = b'hello\n{"version": "3.9.1", "packages": {"b": "1", "A": "2"}}'
    assert list(parse(output, "python").packages.items()) == [("A", "2"), ("b", "1")]


def test_an_interpreter_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        inspect_interpreter(("/bin/false",), {}, "false", Commands())
    with pytest.raises(ValueError, match=r"."):
        parse(b"", "python")
