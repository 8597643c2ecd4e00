"""Every DUBHE_ variable that the documents name exists, and every one that exists is documented."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.docs.markdown import LANGUAGES, ROOT

_NAME = re.compile(r"\bDUBHE_[A-Z][A-Z_]*[A-Z]\b")
_CODE = (
    "dubhe_sdk", "sidecar/dubhe_sidecar", "simulator/dubhe_simulator", "image", "Dockerfile",
    "docker-compose.yml", "run.sh",
)  # fmt: skip


def names_in(*paths: str) -> dict[str, str]:
    """Return each variable named in tracked files below the paths, with one file that names it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *paths],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    found = {}
    for name in listed:
        path = ROOT / name
        if path.is_dir() or path.suffix in (".png", ".bmp", ".js", ".map", ".css"):
            continue
        for variable in _NAME.findall(path.read_text("utf-8")):
            found[variable] = name
    return found


def test_what_the_documents_name_exists() -> None:
    known = names_in(*_CODE)
    named = names_in("docs", "README.md", "README.zh-CN.md", "examples", "CONTRIBUTING.md")
    assert {name: file for name, file in named.items() if name not in known} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_exists_is_documented(language: str) -> None:
    documented = names_in(f"docs/{language}")
    known = names_in("dubhe_sdk", "sidecar/dubhe_sidecar", "simulator/dubhe_simulator")
    assert {name: file for name, file in known.items() if name not in documented} == {}
