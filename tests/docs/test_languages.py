"""Both languages show the same code: only comments and texts for people differ."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.markdown import ROOT, Code, code_blocks

PAIRS = [
    ("README.md", "README.zh-CN.md"),
    *(
        (f"docs/en/{page}", f"docs/zh/{page}")
        for page in sorted(
            path.relative_to(ROOT / "docs/en").as_posix()
            for path in (ROOT / "docs/en").rglob("*.md")
        )
    ),
]
# Output that people read; each language shows its own.
_OUTPUT = ("text", "")


def comparable(code: Code) -> str:
    """The code without comments and `<placeholders>`; a whole Python module by its syntax tree."""
    if code.language == "python" and code.title:
        return ast.dump(ast.parse(code.text))
    lines = (re.sub(r"\s*(?:#|//) .*", "", line).rstrip() for line in code.text.splitlines())
    return re.sub(r"<[^<>\n]*>", "<…>", "\n".join(line for line in lines if line))


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_the_code_is_the_same(english: str, chinese: str) -> None:
    ours = code_blocks((ROOT / english).read_text("utf-8"))
    theirs = code_blocks((ROOT / chinese).read_text("utf-8"))
    assert [(code.language, code.title) for code in ours] == [
        (code.language, code.title) for code in theirs
    ]
    for one, other in zip(ours, theirs, strict=True):
        if one.language not in _OUTPUT:
            assert comparable(one) == comparable(other)


@pytest.mark.parametrize("document", [pair[1] for pair in PAIRS])
def test_chinese_prose_has_full_width_punctuation(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    prose = re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", "", text, flags=re.S)
    found = re.findall(r".{0,20}[\u4e00-\u9fff][,;:!?()].{0,20}", prose)
    found += re.findall(r".{0,20}[,;:!?(][\u4e00-\u9fff].{0,20}", prose)
    assert not found, found
