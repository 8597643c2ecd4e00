"""Runs `dubhe` by this interpreter; see `dubhe_sdk.process.command` for why it is a script.

``PYTHONPATH=.`` in ``run.sh`` puts the algorithm's folder before all packages. It may hold a
``kafka.py`` or ``falcon.py``, which would take the place of what sidecar and web front depend on.
So, except for the model, which shall find what it would find without the SDK, those folders come
last here.
"""

# Until the import path is right nothing may be imported that Python does not import by itself.
# ruff: noqa: PTH100, PTH120

import os
import sys


def _arrange_import_path() -> None:
    # This folder holds nothing to import; the package may lie beside an app, not installed.
    here = os.path.dirname(os.path.abspath(__file__))
    own = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    chosen = []
    if sys.argv[1:2] != ["model"] and not sys.flags.ignore_environment:
        named = os.environ.get("PYTHONPATH", "")
        first = {os.path.abspath(entry) for entry in named.split(os.pathsep)} if named else set()
        chosen = [entry for entry in sys.path if os.path.abspath(entry) in first]
        sys.path[:] = [entry for entry in sys.path if entry not in chosen]
    sys.path += [own, *chosen]


_arrange_import_path()

from dubhe_sdk.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
