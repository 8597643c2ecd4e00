"""Shell scripts as editors on Windows leave them."""

from __future__ import annotations

from pathlib import Path

_ENOUGH_BYTES = 64 * 1024


def windows_line_ends(path: Path) -> str:
    """Return what to say if a script has Windows line ends; empty otherwise.

    A shell takes the carriage return for a part of each command: ``python3 -u app.py`` then looks
    for a file whose name ends in one.
    """
    try:
        with path.open("rb") as file:
            found = b"\r\n" in file.read(_ENOUGH_BYTES)
    except OSError:
        return ""
    return (
        f"{path} has Windows line ends (CR LF), which no shell understands; save it with LF, for "
        f"example by: sed -i 's/\\r$//' {path.name}"
        if found
        else ""
    )
