"""``python -m benchmarks``. Any Python 3.10 will do: it runs in an environment of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks import environments, options


def main() -> int:
    """Read the command line, move into the project's environment, measure."""
    chosen = options.parse(sys.argv[1:])
    python = environments.ours()
    if Path(sys.prefix) != python.parents[1]:
        os.chdir(environments.ROOT)
        os.execv(python, [str(python), "-m", "benchmarks", *sys.argv[1:]])
    from benchmarks.command import run  # needs that environment

    return run(chosen)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except environments.NotInstalled as error:
        sys.exit(f"python -m benchmarks: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
