"""Each module has a test: of the same name at the mirrored path, or named in tests/README.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_layers import PACKAGES, ROOT, modules

README = ROOT / "tests" / "README.md"
_LINE = re.compile(r"^\| `(?P<module>[^`]+)` \| (?P<tests>[^|]+) \|$", re.MULTILINE)


def mirrored(package: str, path: Path) -> Path:
    """Return where the same-named test of a module belongs."""
    inside = path.relative_to(PACKAGES[package])
    name = inside.parent.name if path.name == "__init__.py" else path.stem.strip("_")
    return ROOT / "tests" / package / inside.parent / f"test_{name}.py"


def has_code(path: Path) -> bool:
    """Return whether a module is more than its docstring and imports."""
    return any(
        not isinstance(node, (ast.Import, ast.ImportFrom))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        for node in ast.parse(path.read_text("utf-8")).body
    )


def without_test() -> list[str]:
    """Return the modules that have no same-named test."""
    return [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package).values()
        if has_code(path) and not mirrored(package, path).is_file()
    ]


def table() -> dict[str, list[str]]:
    """Return the README's table: module → tests."""
    return {
        found["module"]: re.findall(r"`([^`]+)`", found["tests"])
        for found in _LINE.finditer(README.read_text("utf-8"))
    }


def test_every_module_has_its_test_or_a_line() -> None:
    missing = sorted(set(without_test()) - set(table()))
    assert missing == [], "write a same-named test, or add a line to the table in tests/README.md"


def test_every_line_is_needed() -> None:
    stale = sorted(set(table()) - set(without_test()))
    assert stale == [], "the module is gone, or has a same-named test: remove its line"


@pytest.mark.parametrize("module", sorted(table()))
def test_the_named_tests_exist(module: str) -> None:
    tests = table()[module]
    assert tests, "a line names at least one test"
    for test in tests:
        assert (ROOT / "tests" / test).is_file(), f"{test} does not exist"
