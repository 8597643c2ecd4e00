"""What the site does beyond mkdocs: links into the repository.

The pages link to source files as `../../dubhe_sdk/…`, which works wherever the repository itself
is read. The site holds no source files: there such a link becomes a link into `repo_url`, if
mkdocs.yml has one, else its text alone. A link to a missing file fails a strict build.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

import jieba

jieba.setLogLevel(logging.WARNING)  # which the search uses for Chinese

ROOT = Path(__file__).resolve().parents[1]
_LOG = logging.getLogger("mkdocs.hooks.repository_links")
_LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\]\[]+)\]\((?P<target>\.\.?/[^)\s#]+)(?P<anchor>#[^)\s]*)?\)"
)


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Replace the links of one page that leave the documentation's folder."""
    source = Path(page.file.abs_src_path).relative_to(ROOT)
    docs = Path(config["docs_dir"]).relative_to(ROOT).as_posix()

    def replaced(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(source.parent.as_posix(), found["target"]))
        if path.startswith(f"{docs}/"):
            return found[0]
        if not (ROOT / path).exists():
            _LOG.warning("%s links to %s, which does not exist", source, path)
        url = (config["repo_url"] or "").rstrip("/")
        if not url:
            return found["text"]
        return f"[{found['text']}]({url}/blob/main/{path}{found['anchor'] or ''})"

    return _LINK.sub(replaced, markdown)
