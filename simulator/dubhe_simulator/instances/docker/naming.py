"""Names of images and containers, from an algorithm's folder."""

from __future__ import annotations

import re
from pathlib import Path

from dubhe_simulator.algorithm.layout import id_part

FALLBACK = "algorithm"


def default_tag(folder: Path) -> str:
    """Return the name of the image that a folder is built to: its own, as Docker allows it.

    Example:
        >>> default_tag(Path("/home/li/My Algorithm"))
        'my-algorithm'
    """
    # https://docs.docker.com/reference/cli/docker/image/tag: single separators, none at an end
    words = re.findall(r"[a-z0-9]+", folder.absolute().name.lower())
    return "-".join(words) or FALLBACK


def algorithm_word(image: str) -> str:
    """Return an image's name fit to be a part of an instance id: no ``-``, no tag.

    Example:
        >>> algorithm_word("registry.local:5000/team/my-net:1.2")
        'my_net'
    """
    name = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]
    return id_part(Path(name)).strip("_.") or FALLBACK
