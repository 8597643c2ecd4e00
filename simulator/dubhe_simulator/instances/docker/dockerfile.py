"""What a Dockerfile begins from."""

from __future__ import annotations

import re

BASE = "dubhe-base"

_FROM = re.compile(
    r"^(?P<head>[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*)(?P<image>[^\s$]+)(?=\s|$)", re.I | re.M
)


def bases(text: str) -> list[str]:
    """Return the images that FROM lines name; those with variables are left out.

    Example:
        >>> bases("FROM dubhe-base\\nCOPY . /app\\n")
        ['dubhe-base']
    """
    return [match["image"] for match in _FROM.finditer(text)]


def is_base(image: str) -> bool:
    """Return whether a name is the base image's, whatever its registry and tag."""
    return image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0] == BASE


def with_base(text: str, image: str) -> str | None:
    """Return the Dockerfile with another base image; None if it has no ``FROM dubhe-base``."""
    found = False

    def replace(match: re.Match[str]) -> str:
        nonlocal found
        if not is_base(match["image"]):
            return match[0]
        found = True
        return match["head"] + image

    changed = _FROM.sub(replace, text)
    return changed if found else None
