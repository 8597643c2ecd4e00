"""The site builds strictly, is whole in both languages, and fetches nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.markdown import LANGUAGES, ROOT

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
# What a browser fetches by itself; a link that somebody clicks is none of these.
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=\"?(?P<src>[^\s\">]+)"
    r"|<link\b[^>]*?\brel=\"?(?:stylesheet|preconnect|icon)[^>]*?\bhref=\"?(?P<href>[^\s\">]+)"
)


def pages(language: str) -> set[str]:
    folder = DOCS / language
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run([DOCS / "build", folder], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_each_page_is_in_both_languages() -> None:
    assert pages("en") == pages("zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_is_built(site: Path, language: str) -> None:
    folder = site if language == "en" else site / language
    for page in pages(language):
        assert (folder / page).with_suffix(".html").is_file(), page


def test_a_page_links_to_itself_in_the_other_language(site: Path) -> None:
    html = (site / "delivery.html").read_text("utf-8")
    assert 'href="zh/delivery.html" hreflang="zh"' in html


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        for found in _FETCHED.finditer(path.read_text("utf-8")):
            address = found["src"] or found["href"]
            assert not re.match(r"(?:https?:)?//", address), f"{path.name} fetches {address}"
        assert 'class="mermaid"' not in path.read_text("utf-8"), f"{path.name}: mermaid is fetched"


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    """The check that the others rest on: of a page, of an anchor, and of a source file."""
    copy = tmp_path / "copy"
    copy.mkdir()
    subprocess.run(["cp", "-r", DOCS, ROOT / "mkdocs.yml", ROOT / "dubhe_sdk", copy], check=True)
    page = copy / "docs/en/index.md"
    with page.open("a", encoding="utf-8") as file:
        file.write("\n[a](none.md) [b](delivery.md#none) [c](../../none.py)\n")
    built = subprocess.run([copy / "docs/build"], capture_output=True, text=True, check=False)
    assert built.returncode != 0
    for name in ("none.md", "#none", "none.py"):
        assert re.search(rf"WARNING.*{name}", built.stderr), built.stderr
