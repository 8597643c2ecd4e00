"""The other pages of the reference against the code: keys, requests, metrics, quoted messages."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from dubhe_sdk.contract import messages
from dubhe_sdk.contract.kind import KIND_WORDS, TaskKind
from dubhe_sdk.contract.requests import FIELDS, ROUTES, SUCCESS_MESSAGES, RequestType
from dubhe_sdk.environment import read_settings
from dubhe_sdk.service.web.inference.figures import InferenceFigures
from dubhe_sidecar.prometheus import CODES, render
from dubhe_sidecar.status import SpoolStatus
from tests.docs.markdown import LANGUAGES, ROOT
from tests.docs.reference import CODE, page, rows, source_files, tables

_METRIC = re.compile(r"^# TYPE (dubhe_\w+) (\w+)$", re.M)
# `Name` in [file](path), and in Chinese [file](path) 的 `Name`.
_NAMED = re.compile(r"`(?P<name>[A-Za-z_][\w.]*)` in \[[^\]]+\]\((?P<path>[^)]+\.py)\)")
_NAMED_ZH = re.compile(r"\[[^\]]+\]\((?P<path>[^)]+\.py)\) 的 `(?P<name>[A-Za-z_][\w.]*)`")


def literal(cell: str) -> object:
    return ast.literal_eval(CODE.findall(cell)[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_key_has_its_name_and_its_default(language: str) -> None:
    context = Context({}, read_settings({"DUBHE_TEMPORARY": "/temporary"}))
    documented = {
        CODE.findall(row[0])[0]: row[1:]
        for row in rows(page(language, "reference/context"))
        if row[0].startswith(("`KEY_", "`ENV_"))
    }
    assert set(documented) == {name for name in vars(ContextKey) if name[:4] in ("KEY_", "ENV_")}
    for constant, (name, _, default) in documented.items():
        key = getattr(ContextKey, constant)
        assert name == f"`{key}`"
        if constant == "ENV_INSTANCE_ID":
            continue  # depends on the app
        expected = CODE.findall(default)[0]
        found = context.get(key)
        assert found == (expected if "/" in expected else ast.literal_eval(expected)), constant


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_call_of_the_context_is_documented(language: str) -> None:
    text = page(language, "reference/context")
    for name in vars(Context):
        if not name.startswith("_"):
            assert f"`ctx.{name}" in text, name
    for name in dubhe_sdk.__all__:
        if name not in ("__version__", "Context", "ContextKey"):
            assert name in text, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_field_of_a_request_is_documented(language: str) -> None:
    table = next(
        one
        for one in tables(page(language, "reference/requests"))
        if one.head[0] in ("field", "字段")
    )
    documented = {CODE.findall(row[0])[0]: row for row in table.rows}
    assert set(documented) == set(FIELDS) | {"req_type", "instance_id"}
    words = {
        "en": {"train": RequestType.TRAIN, "evaluate": RequestType(2), "infer": RequestType(3)},
        "zh": {"训练": RequestType.TRAIN, "评估": RequestType(2), "推理": RequestType(3)},
    }[language]
    for name, field in FIELDS.items():
        _, _, default, used = documented[name]
        assert literal(default) == field.default, name
        assert {type_ for word, type_ in words.items() if word in used} == field.used_by


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_route_has_its_type_and_its_reply(language: str) -> None:
    documented = {
        CODE.findall(row[0])[0]: row[1:]
        for row in rows(page(language, "reference/requests"))
        if row[0].startswith("`/")
    }
    assert set(documented) == set(ROUTES)
    for route, type_ in ROUTES.items():
        number, reply = documented[route]
        assert int(number) == type_
        assert f'"message": "{SUCCESS_MESSAGES[type_]}"' in reply


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_an_instance_id_are_documented(language: str) -> None:
    table = next(
        one
        for one in tables(page(language, "reference/configuration"))
        if one.head[0] in ("third part", "第三段")
    )
    named = [CODE.findall(row[0]) for row in table.rows]
    kinds = [[word for word, kind in KIND_WORDS.items() if kind is one] for one in TaskKind]
    assert named == kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_messages_are_documented_as_they_are_sent(language: str) -> None:
    text = page(language, "reference/messages")
    for data in (
        messages.ready(),
        messages.start(TaskKind.TRAIN),
        messages.end(TaskKind.TRAIN),
    ):
        assert json.dumps(data) in text
    evaluation = list(TaskKind)[1]
    assert messages.start(evaluation)["msg"] in text
    assert messages.end(evaluation)["msg"] in text


def test_the_documented_results_are_what_is_reported(tmp_path: Path) -> None:
    context = Context({}, read_settings({"DUBHE_TEMPORARY": str(tmp_path)}))
    plain = context.logResultDetails("a.png", "ok", "ng", 0.9)
    boxes = context.logResultDetails("a.png", "ok", "ng", -1, "rectangle", [(1, 2, 3, 4, 0.5)])
    for language in LANGUAGES:
        text = page(language, "reference/messages")
        assert json.dumps(plain) in text
        assert json.dumps(boxes) in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_metric_is_documented(language: str) -> None:
    text = page(language, "reference/metrics")
    documented = {
        re.split(r"[{`]", row[0].strip("`"))[0]: row[1]
        for row in rows(text)
        if row[0].startswith("`dubhe_")
    }
    status = SpoolStatus(spool="", sidecar="running", sink="")
    status.services = [{"inferences": InferenceFigures().to_json(waiting=0)}]
    assert documented == dict(_METRIC.findall(render(status)))
    for code in CODES:
        assert f"`{code}`" in text


@cache
def texts_of_the_code() -> list[str]:
    """Every text in the sources, with … for what is filled in."""
    found = []
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else "…" for part in node.values
                ]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%(?:\w|\.\df|\([^)]*\)s)|\{[^}]*\}", "…", node.value))
    return found


# Python's own
FOREIGN = ("can't open file", "ImportError", "ModuleNotFoundError", "No module named")
NOT_MESSAGES = (
    "=",
    "dubhe ",
    "python3 ",
    "export ",
    "docker ",
    "pip ",
    "KAFKA_SASL_…",
    "KAFKA_SSL_…",
)


def quoted(language: str, name: str) -> list[str]:
    """What the first column of the page's tables quotes of the program's messages."""
    return [
        text
        for row in rows(page(language, name))
        for text in CODE.findall(row[0])
        if " " in text and not text.startswith((*FOREIGN, *NOT_MESSAGES))
    ]


@pytest.mark.parametrize("name", ["reference/troubleshooting", "reference/requests"])
def test_quoted_messages_are_in_the_code(name: str) -> None:
    missing = []
    for message in quoted("en", name):
        pieces = [
            re.escape(piece) for piece in re.split(r"…|\bX\b|\bY\b", message) if piece.strip()
        ]
        pattern = re.compile(".*".join(pieces), re.S)
        if not any(pattern.search(text) for text in texts_of_the_code()):
            missing.append(message)
    assert not missing


@pytest.mark.parametrize("name", ["reference/troubleshooting", "reference/requests"])
def test_both_languages_quote_the_same_messages(name: str) -> None:
    assert quoted("en", name) == quoted("zh", name)


@pytest.mark.parametrize(("language", "named"), [("en", _NAMED), ("zh", _NAMED_ZH)])
def test_names_in_the_architecture_are_in_the_file_beside_them(
    language: str, named: re.Pattern[str]
) -> None:
    found = list(named.finditer(page(language, "architecture")))
    assert len(found) > 10
    for one in found:
        source = (ROOT / "docs" / language / one["path"]).read_text("utf-8")
        for part in one["name"].split("."):
            assert re.search(rf"^ *(?:class|def) {part}\b", source, re.M), one["name"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_files_of_the_repository_that_pages_name_exist(language: str) -> None:
    missing = []
    for document in sorted((ROOT / "docs" / language).rglob("*.md")):
        for code in CODE.findall(document.read_text("utf-8")):
            path = re.match(r"(?:tests|benchmarks|image|examples|dubhe_sdk)/[\w./-]*\w", code)
            # The page on delivery names tests from tests/ on.
            if path and not any((base / path[0]).exists() for base in (ROOT, ROOT / "tests")):
                missing.append(f"{document.name}: {code}")
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tests_that_the_page_on_the_image_names_exist(language: str) -> None:
    sources = "".join(
        path.read_text("utf-8") for path in sorted((ROOT / "tests/image").glob("test_*.py"))
    )
    named = re.findall(r"`(test_\w+?)_?(?:…)?`", page(language, "image"))
    assert len(named) > 10
    for name in named:
        assert f"def {name}" in sources, name
