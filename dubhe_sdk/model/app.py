"""Runs the algorithm's ``app.py`` as ``__main__``, the way ``python3 app.py`` would."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

# Python clears the module that it replaces once nothing refers to it; its code is still running.
_replaced: list[ModuleType] = []


def run_app(path: Path, arguments: list[str]) -> None:
    """Execute the file as the module ``__main__``.

    As ``__main__`` and under no other name: model files pickle classes of ``app.py`` as
    ``__main__.Net``, and must be readable by every instance, also those trained elsewhere.
    Processes spawned by multiprocessing find the file by ``__main__.__file__``.

    Raises:
        BaseException: whatever the app's own code raises.
    """
    module = ModuleType("__main__")
    module.__file__ = str(path)
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    _replaced.append(sys.modules["__main__"])
    sys.modules["__main__"] = module
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    # Without the flags of this file, such as that of its `annotations`.
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)
