"""Completes the distributions when they are built.

Metadata: each ``pyproject.toml`` has its part in ``[tool.hatch.metadata.hooks.custom]``:

* ``dependencies``: in which ``{version}`` becomes this version. The distributions require each
  other exactly, and the version is written in one place.
* ``readme``: a file whose relative links and pictures would lead nowhere on the page of a package
  index. Links become their text; pictures go.

Source archives: this file and LICENSE are links in the folders of the distributions; an archive has
to hold the files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"\((?!https?:|#|mailto:)[^)\s]*\)"
_PICTURE = re.compile(r"!\[[^\]]*\]" + _RELATIVE)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]" + _RELATIVE)
_HTML_PICTURE = re.compile(r"<picture>.*?</picture>|<img\s[^>]*>", re.DOTALL)


class Metadata(MetadataHookInterface):
    """Fills in what ``dynamic`` names, but for the version."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Change the ``[project]`` table in place."""
        metadata["dependencies"] = [
            line.format(version=metadata["version"]) for line in self.config["dependencies"]
        ]
        if name := self.config.get("readme"):
            text = Path(self.root, name).read_text("utf-8")
            metadata["readme"] = {"content-type": "text/markdown", "text": standalone(text)}


class SourceArchive(BuildHookInterface[Any]):
    """Puts files where there are links to them."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Change what is included."""
        included: dict[str, str] = build_data["force_include"]
        build_data["force_include"] = {
            str(Path(path).resolve()): name for path, name in included.items()
        }


def standalone(text: str) -> str:
    """Return Markdown without what is relative to its file."""
    return _LINK.sub(r"\1", _PICTURE.sub("", _HTML_PICTURE.sub("", text)))
