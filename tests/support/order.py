"""The order of test files when several processes share them: what takes longest begins first.

pytest-xdist hands out the files with the most tests first. Here those have the shortest tests, and
one process would be left alone at the end with a file of a few tests that take minutes.

The tests of the Kubernetes cluster come last: until then its programs are built beside the others,
and none of these shares the machine with an idle cluster.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.selection import is_fast

# What a test of a kind takes, in seconds, very roughly: only the order of files hangs on it.
_BY_FIXTURE = {
    "kubernetes_cluster": 20.0,
    "docker_engine": 15.0,
    "kafka": 4.0,
    "make_broker": 8.0,
    "browser": 3.0,
}
_NOT_FAST = 4.0
_FAST = 0.05


def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest-xdist from an order of its own, whatever the command line asks for."""
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)  # what is deselected counts for nothing
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the files; within a file the order stays."""
    if not hasattr(config, "workerinput"):
        return  # one process: the order of the folders is easier to follow
    seconds: Counter[str] = Counter()
    last = set()
    for item in items:
        seconds[_file(item)] += _estimate(item)
        if "kubernetes_cluster" in getattr(item, "fixturenames", ()):
            last.add(_file(item))
    items.sort(key=lambda item: (_file(item) in last, -seconds[_file(item)], _file(item)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _estimate(item: pytest.Item) -> float:
    if is_fast(item):
        return _FAST
    names = getattr(item, "fixturenames", ())
    return max([_NOT_FAST, *(cost for name, cost in _BY_FIXTURE.items() if name in names)])
