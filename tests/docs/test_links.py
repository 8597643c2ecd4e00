"""Links of the Markdown files outside the site: README, examples, benchmarks.

The site's own links are checked by its build: test_site.py.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.docs.markdown import ROOT, anchors, links


def documents() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    template = "simulator/dubhe_simulator/algorithm/template/files/"
    return [name for name in listed if not name.startswith(("docs/en/", "docs/zh/", template))]


@pytest.mark.parametrize("document", documents())
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for link in links(path.read_text("utf-8")):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{document} links to {link}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file.read_text("utf-8")), f"{document} links to {link}"
