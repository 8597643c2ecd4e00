"""With what a process of this machine runs."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping

from dubhe_simulator.algorithm.layout import Algorithm
from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.environment import relevant
from dubhe_simulator.instances.provenance.git import read_revision
from dubhe_simulator.instances.provenance.host import read_host
from dubhe_simulator.instances.provenance.interpreter import inspect_interpreter
from dubhe_simulator.instances.provenance.processes import algorithm_process
from dubhe_simulator.instances.provenance.record import Provenance


def local_provenance(
    algorithm: Algorithm, root: int, given: Mapping[str, str], commands: Commands
) -> Provenance:
    """Return with what an instance runs.

    Args:
        algorithm: what was started.
        root: the id of the process that started it.
        given: the environment that it was given.
        commands: run git and the algorithm's interpreter.
    """
    process = algorithm_process(root)  # first: it may end at any moment
    problems = []
    git = python = None
    try:
        git = read_revision(algorithm.folder, commands)
    except (OSError, subprocess.SubprocessError) as error:
        problems.append(f"git: {error}")
    if process is None:
        problems.append("python: no process of it runs Python")
    else:
        executable = process.executable
        try:
            python = inspect_interpreter((executable,), process.environment, executable, commands)
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            problems.append(f"python: {error}")
    environment = process.environment if process is not None else given
    return Provenance(
        shlex.join(algorithm.command), str(algorithm.folder), read_host(),
        relevant(environment, given), git, python, tuple(problems),
    )  # fmt: skip
