"""The layers: which package may import which, and no import circles.

The imports are read from the source of every module, those inside functions too. Imports under
``if TYPE_CHECKING:`` do not count, since nothing follows them at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "dubhe_sdk": ROOT / "dubhe_sdk",
    "dubhe_sidecar": ROOT / "sidecar" / "dubhe_sidecar",
    "dubhe_simulator": ROOT / "simulator" / "dubhe_simulator",
}

# The parts of a package from the lowest layer to the highest. A part is a module or a package
# directly below the package. It may import what stands in a lower layer, and nothing else.
LAYERS = {
    "dubhe_sdk": [
        {"compat", "errors", "version"},
        {"contract", "process"},
        {"environment", "ipc", "rank_environment"},
        {"autostart", "logs", "spool"},
        {"reporting"},
        {"api"},
        # Names of 2.x; those that mean nothing here import `compat` alone.
        {"config", "http_server", "param", "tcp_server"},
        {"check"},
        {"integrations", "launch", "model"},
        {"service"},
        {"cli"},
    ],
    "dubhe_sidecar": [
        {"atomic_file", "disk_retry", "record", "service_heartbeat"},
        {"convert", "dead_letters", "fsync", "inference_metrics", "sinks", "system"},
        {"cursor", "held_back", "in_flight"},
        {"loss_counters", "missing_end", "ownership"},
        {"outcomes"},
        {"drain", "status"},
        {"housekeeping", "prometheus"},
        {"metrics", "sidecar"},
        {"commands"},
    ],
    "dubhe_simulator": [
        {"errors", "i18n"},
        {"contract", "interrupts"},
        {"client", "sources"},
        {"algorithm"},
        {"instances"},
        {"platform"},
        {"export"},
        {"terminal", "web"},
        {"commands"},
    ],
}

# What the sidecar uses of the SDK. It shares the spool with it, and the form of messages.
SIDECAR_MAY_IMPORT = {
    "dubhe_sdk.contract": "the END that it adds for a killed service; the heartbeat's request",
    "dubhe_sdk.environment": "variables that both read",
    "dubhe_sdk.errors": "errors that commands report",
    "dubhe_sdk.logs.console": "a console that never waits",
    "dubhe_sdk.logs.format": "log lines in one format",
    "dubhe_sdk.process.lock": "whether a stream's writer lives",
    "dubhe_sdk.process.readable": "waits for descriptors of any number",
    "dubhe_sdk.process.state_file": "`dubhe health` and `dubhe status` read them; what it delivers",
    "dubhe_sdk.reporting.encoding": "JSON of messages",
    "dubhe_sdk.spool": "the spool",
    "dubhe_sdk.version": "the common version",
}

# What the simulator uses of the SDK: an instance is a process to it, like to the platform.
SIMULATOR_MAY_IMPORT = {
    "dubhe_sdk.version": "the common version",
    "dubhe_sdk.api.data_files": "what lies in a data folder, as algorithms see it",
    "dubhe_sdk.process.command": "starts `dubhe` in other processes",
    "dubhe_sdk.process.readable": "waits for descriptors of any number",
    "dubhe_sdk.process.shell_script": "what is wrong with a run.sh",
    "dubhe_sdk.contract": "the contract",
    "dubhe_sdk.environment": "variables that both read",
    "dubhe_sdk.errors": "errors that commands report",
    "dubhe_sdk.launch.shutdown_times": "how long a container may take to end",
}


@cache
def modules(package: str) -> dict[str, Path]:
    """Return every module of a package, by its dotted name."""
    found = {}
    base = PACKAGES[package].parent
    for path in sorted(PACKAGES[package].rglob("*.py")):
        if "files" in path.parts and "template" in path.parts:
            continue  # becomes a project of its own
        name = ".".join(path.relative_to(base).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


@cache
def imports(package: str) -> dict[str, frozenset[str]]:
    """Return the modules of the three packages that each module imports."""
    return {
        name: frozenset(_imported(ast.parse(path.read_text("utf-8")), name, path))
        for name, path in modules(package).items()
    }


def _imported(tree: ast.AST, module: str, path: Path) -> Iterator[str]:
    for node in _runtime_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_ours(alias.name):
                    yield alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            if node.module and _is_ours(node.module):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield whole if whole in modules(whole.split(".")[0]) else node.module


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    yield tree
    only_types = isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test)
    for node in tree.orelse if only_types else ast.iter_child_nodes(tree):
        yield from _runtime_nodes(node)


def _is_ours(name: str) -> bool:
    return name.split(".")[0] in PACKAGES


def circles(graph: dict[str, frozenset[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one node, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in graph:
                continue
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


def forbidden(importer: str, *targets: str) -> list[str]:
    """Return ``module → import`` for what a package or part imports of ``targets``."""
    return [
        f"{name} → {target}"
        for name, found in imports(importer.split(".")[0]).items()
        if within(name, importer)
        for target in sorted(found)
        if any(within(target, one) for one in targets)
    ]


def folder_of(module: str) -> str:
    """Return the package that a module stands in; a package stands in itself."""
    path = modules(module.split(".")[0]).get(module)
    return module if path is None or path.name == "__init__.py" else module.rpartition(".")[0]


def folders(package: str) -> dict[str, frozenset[str]]:
    """Return which folder imports which, but for those within each other."""
    graph: dict[str, set[str]] = {}
    for name, found in imports(package).items():
        importer = folder_of(name)
        targets = {folder_of(target) for target in found if target in modules(package)}
        graph.setdefault(importer, set()).update(
            target
            for target in targets
            if not within(target, importer) and not within(importer, target)
        )
    return {name: frozenset(targets) for name, targets in graph.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_folders_import_each_other(package: str) -> None:
    assert circles(folders(package)) == []


def test_the_circles_of_a_graph() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"x"}, "e": {"e"}}
    assert circles({name: frozenset(found) for name, found in graph.items()}) == [["b", "c"]]


def test_every_import_counts_but_those_for_types() -> None:
    source = """
import os, dubhe_sdk.errors
from dubhe_sdk import environment, Context
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from dubhe_sdk.spool import frame
else:
    from dubhe_sdk.spool import reader
def f():
    try:
        from dubhe_sdk.spool.writer import SpoolWriter
    finally:
        pass
"""
    assert sorted(_imported(ast.parse(source), "m", Path("m.py"))) == [
        "dubhe_sdk",
        "dubhe_sdk.environment",
        "dubhe_sdk.errors",
        "dubhe_sdk.spool.reader",
        "dubhe_sdk.spool.writer",
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_circles(package: str) -> None:
    assert circles(imports(package)) == []


@pytest.mark.parametrize("package", LAYERS)
def test_the_table_of_layers_is_complete(package: str) -> None:
    parts = {name.split(".")[1] for name in modules(package) if "." in name} - {"__main__"}
    listed = [part for layer in LAYERS[package] for part in layer]
    assert sorted(listed) == sorted(parts)


@pytest.mark.parametrize("package", LAYERS)
def test_parts_import_lower_layers_only(package: str) -> None:
    layer_of = {part: n for n, layer in enumerate(LAYERS[package]) for part in layer}
    upwards: dict[tuple[str, str], list[str]] = {}
    for name, found in imports(package).items():
        if "." not in name:
            continue  # the package itself: what users import
        part = name.split(".")[1]
        for target in sorted(found):
            other = target.split(".")[1] if target.startswith(f"{package}.") else part
            if other != part and layer_of[other] >= layer_of[part]:
                upwards.setdefault((part, other), []).append(f"{name} → {target}")
    assert upwards == {}


def test_the_sdk_imports_neither_of_the_others() -> None:
    assert forbidden("dubhe_sdk", "dubhe_sidecar", "dubhe_simulator") == []


def test_the_model_process_imports_nothing_of_the_service() -> None:
    assert forbidden("dubhe_sdk.model", "dubhe_sdk.service", "dubhe_sdk.launch") == []


def test_what_the_sidecar_imports() -> None:
    assert forbidden("dubhe_sidecar", "dubhe_simulator") == []
    assert _beyond("dubhe_sidecar", SIDECAR_MAY_IMPORT) == []


def test_what_the_simulator_imports() -> None:
    assert forbidden("dubhe_simulator", "dubhe_sidecar") == []
    assert _beyond("dubhe_simulator", SIMULATOR_MAY_IMPORT) == []


def _beyond(package: str, allowed: dict[str, str]) -> list[str]:
    """Return what a package imports of the SDK without being allowed to."""
    return [
        f"{name} → {target}"
        for name, found in imports(package).items()
        for target in sorted(found)
        if within(target, "dubhe_sdk") and not any(within(target, one) for one in allowed)
    ]
