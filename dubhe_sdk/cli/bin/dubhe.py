"""Runs `dubhe` by this interpreter; see `dubhe_sdk.process.command` for why it is a script."""

import sys
from pathlib import Path

# This folder holds nothing to import; the package may lie beside an app, not installed.
sys.path[0] = str(Path(__file__).parents[3])
sys.path.append(sys.path.pop(0))

from dubhe_sdk.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
