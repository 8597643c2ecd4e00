"""The tests of ``--fast``: those that need nothing but Python, and do not take long.

What a test needs is seen by the fixtures it uses, directly or by way of others. Where it needs
something that is no fixture it says so, for a test or for a module::

    pytestmark = pytest.mark.needs("root", "faketime")

A test that takes several seconds by its nature is ``@pytest.mark.slow``. With ``--fast``, a test
that starts a program of `PROGRAMS` nevertheless fails.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

import pytest

# What a fixture stands for: whoever uses it needs that.
FIXTURES = frozenset({"browser", "docker_engine", "kafka", "make_broker"})
# What tests/run.sh and tests/docker/engine install, and Python does not bring.
PROGRAMS = frozenset(
    [
        *("btrfs", "chromium", "debootstrap", "docker", "docker-compose", "docker-registry"),
        *("dockerd", "faketime", "ip", "java", "jlink", "mkfs.btrfs", "mkfs.ext4", "mount", "mvn"),
        *("node", "npm", "nsenter", "openssl", "shellcheck", "unshare", "valgrind"),
    ]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fast``."""
    parser.addoption("--fast", action="store_true", help="only tests that need nothing but Python")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and watch what is started."""
    for line in (
        "needs(*names): needs programs, services or rights that --fast is to do without",
        "slow: takes several seconds by its nature; --fast leaves it out",
    ):
        config.addinivalue_line("markers", line)
    if config.getoption("fast"):
        sys.addaudithook(_refuse_programs)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what ``--fast`` is to do without."""
    if not config.getoption("fast"):
        return
    left_out = [item for item in items if not is_fast(item)]
    items[:] = [item for item in items if is_fast(item)]
    config.hook.pytest_deselected(items=left_out)


def is_fast(item: pytest.Item) -> bool:
    """Return whether a test belongs to those of ``--fast``."""
    if item.get_closest_marker("needs") or item.get_closest_marker("slow"):
        return False
    return FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _refuse_programs(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "subprocess.Popen":
        return
    name = PurePath(str(arguments[0])).name
    if name in PROGRAMS:
        raise AssertionError(
            f"a test of --fast starts {name}, which not every machine has: mark the test "
            f"@pytest.mark.needs({name!r})"
        )
