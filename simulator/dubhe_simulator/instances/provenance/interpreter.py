"""What is installed for an interpreter, asked in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.record import Interpreter

TIMEOUT_S = 60.0

# Runs in the algorithm's interpreter, which may be of any version. It reads the metadata files of
# distributions and imports none of them. It must not take processor time from the algorithm.
SCRIPT = """
import os, sys
os.nice(19)
sys.path[:1] = []  # the present folder
import json
found = {}
try:
    from importlib.metadata import distributions
    for each in distributions():
        name = each.metadata["Name"]
        if name and name not in found:
            found[name] = each.version or ""
except ImportError:
    pass
sys.stdout.write(json.dumps({"version": sys.version.split()[0], "packages": found}))
"""


def inspect_interpreter(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    executable: str,
    commands: Commands,
) -> Interpreter:
    """Return what an interpreter has installed.

    Args:
        command: starts it, with what is to stand before ``-c``.
        environment: as the algorithm's, which decides where it looks for packages.
        executable: its path, as it is to be shown.
        commands: run it.

    Raises:
        OSError: it cannot be started.
        subprocess.SubprocessError: it fails, or takes longer than `TIMEOUT_S`.
        ValueError: it does not answer as expected.
    """
    done = commands.run(
        [*command, "-c", SCRIPT], TIMEOUT_S, {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    return parse(done.stdout, executable)


def parse(output: bytes, executable: str) -> Interpreter:
    """Return what `SCRIPT` has printed.

    Raises:
        ValueError: it is something else.
    """
    # Packages may print at the start of an interpreter (.pth files): ours is the last line.
    facts = json.loads(output.splitlines()[-1] if output.strip() else b"")
    packages = dict(sorted(facts["packages"].items(), key=lambda item: item[0].lower()))
    return Interpreter(executable, facts["version"], packages)
