"""What the tests read from a Markdown file: its links, headings and code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown.extensions.toc import unique
from pymdownx.slugs import slugify

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "zh")

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)\n"
    r"(?P<body>.*?)^(?P=indent)(?P=fence) *$",
    re.M | re.S,
)
_HEADING = re.compile(r"^#{1,6} +(?P<text>.*?)(?: +\{ *#(?P<id>[\w-]+) *\})?\s*$", re.M)
_LINK = re.compile(r"(?<!\\)\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
_HTML = re.compile(r"(?:src|srcset|href)=\"(?P<target>[^\"]+)\"")
_INLINE_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True)
class Code:
    """A fenced block: the first word after the fence, its `title="…"` or "", and its lines."""

    language: str
    title: str
    text: str


def code_blocks(text: str) -> list[Code]:
    found = []
    for block in _FENCE.finditer(text):
        info = block["info"].strip()
        title = re.search(r'title="([^"]*)"', info)
        indent = len(block["indent"])
        lines = (line[indent:] for line in block["body"].splitlines(keepends=True))
        language = info.split()[0] if info else ""
        found.append(Code(language, title[1] if title else "", "".join(lines)))
    return found


def prose(text: str) -> str:
    """The text without its code blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    plain = _INLINE_CODE.sub("", prose(text))
    return [found["target"] for found in (*_LINK.finditer(plain), *_HTML.finditer(plain))]


def anchors(text: str) -> set[str]:
    """The names that the headings get: on the site as well as where a repository is shown."""
    to_slug = slugify(case="lower")
    ids: set[str] = set()
    for found in _HEADING.finditer(prose(text)):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found["text"]).replace("`", "")
        unique(found["id"] or to_slug(title, "-"), ids)
    return ids
