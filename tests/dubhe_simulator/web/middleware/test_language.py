"""Each page is answered in its own language."""

from __future__ import annotations

import json

import pytest

from tests.dubhe_simulator.ui import HEADERS, Ui

ENGLISH, CHINESE = "there is no instance", "没有实例"


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        ("en", "", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", CHINESE),
        ("en;q=0.3,zh;q=0.7", "", CHINESE),
        ("fr,de;q=0.9,en;q=0.1", "", ENGLISH),
        ("en", "?language=zh", CHINESE),
        ("zh;q=nonsense", "", CHINESE),
    ],
)
def test_the_page_decides(ui: Ui, header: str, query: str, expected: str) -> None:
    body = json.dumps({"instance": "nobody"}).encode()
    asked = {**HEADERS, "Accept-Language": header}
    status, _, content = ui.raw("POST", f"/api/forget{query}", body, **asked)
    assert status == 404
    assert expected in json.loads(content)["error"]


def test_what_does_not_say_gets_the_locale(ui: Ui) -> None:
    ui.post("forget", 404, instance="nobody")
    body = json.dumps({"instance": "nobody"}).encode()
    ui.raw("POST", "/api/forget", body, **{**HEADERS, "Accept-Language": "zh"})
    for _ in range(70):  # more than the server has threads: none of them keeps a language
        assert ENGLISH in ui.post("forget", 404, instance="nobody")["error"]
