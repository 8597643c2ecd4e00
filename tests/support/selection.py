"""The tests of ``--fast``: those that need nothing but Python, and do not take long.

What a test needs is seen by the fixtures it uses, directly or by way of others, and by what its
module imports: one that starts the whole service or the whole platform takes a second each time.
Where that is not enough, a test or a module says it::

    pytestmark = pytest.mark.needs("root", "faketime")
    pytestmark = pytest.mark.slow   # takes seconds by its nature
    @pytest.mark.smoke              # stays, to show that the whole works

With ``--fast``, a test that starts a program of `PROGRAMS` nevertheless fails.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

import pytest

# What a fixture stands for: whoever uses it needs that.
FIXTURES = frozenset({"browser", "docker_engine", "kafka", "kubernetes_cluster", "make_broker"})
# Whoever imports a class or a function from there starts the whole.
WHOLE = frozenset(
    [
        "tests.dubhe_sdk.launch.support",
        "tests.dubhe_sdk.service.harness",
        "tests.dubhe_simulator.fake",
        "tests.dubhe_simulator.instances.docker.support",
        "tests.dubhe_simulator.ui",
        "tests.fuzz.campaign",
        "tests.hostile.run",
    ]
)
# What tests/run.sh, docker/engine and kubernetes/cluster install, and Python does not bring.
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
        "slow: takes seconds by its nature; --fast leaves it out",
        "smoke: starts the whole, and belongs to --fast all the same",
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
    if not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return False
    return item.get_closest_marker("smoke") is not None or not _starts_the_whole(item)


def _starts_the_whole(item: pytest.Item) -> bool:
    module = item.getparent(pytest.Module)
    if module is None:
        return False
    imported = vars(module.obj).values()
    return any(getattr(value, "__module__", None) in WHOLE for value in imported)


def _refuse_programs(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "subprocess.Popen":
        return
    name = PurePath(str(arguments[0])).name
    if name in PROGRAMS:
        raise AssertionError(
            f"a test of --fast starts {name}, which not every machine has: mark the test "
            f"@pytest.mark.needs({name!r})"
        )
