"""What `import dubhe_sdk` costs a process that serves nothing: a data loader, a test, a tool."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import dubhe_sdk
from tests.support.environ import clean_environ

# Each takes milliseconds; together they took most of the import's time.
SLOW = {
    *("ast", "contextlib", "dataclasses", "datetime", "dis", "inspect", "json", "logging"),
    *("pathlib", "pickle", "re", "selectors", "signal", "socket", "struct", "tempfile"),
    *("threading", "traceback", "typing", "urllib", "uuid", "weakref"),
}
MARK = """
import sys
before = set(sys.modules)
import dubhe_sdk
@dubhe_sdk.pipeline()
class Model:
    @dubhe_sdk.train()
    def train(self, ctx: dubhe_sdk.Context): print(dubhe_sdk.ContextKey.KEY_DATA_PATHS)
    @dubhe_sdk.predict
    def predict(self, ctx): pass
import json
print(json.dumps(sorted(name for name in after if name not in before)))
""".replace("import json", "after = list(sys.modules)\nimport json")


def imported(source: str) -> set[str]:
    done = subprocess.run(
        # Without `site`, whose .pth files import as they like.
        [sys.executable, "-S", "-c", source],
        env=clean_environ(PYTHONPATH=":".join(sys.path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_the_import_and_the_marks_import_nothing_slow() -> None:
    found = imported(MARK)
    assert "dubhe_sdk.api.registry" in found
    assert found & SLOW == set()
    assert {name for name in found if name.startswith("dubhe_sdk.")} == {
        *("dubhe_sdk.api", "dubhe_sdk.api.context", "dubhe_sdk.api.keys", "dubhe_sdk.api.registry"),
        *("dubhe_sdk.api.stopping", "dubhe_sdk.autostart"),
        *("dubhe_sdk.contract", "dubhe_sdk.contract.kind", "dubhe_sdk.errors"),
        *("dubhe_sdk.rank_environment", "dubhe_sdk.version"),
    }


@pytest.mark.parametrize("name", dubhe_sdk.__all__)
def test_every_public_name_is_there(name: str) -> None:
    everything: dict[str, object] = {}
    exec("from dubhe_sdk import *", everything)
    assert everything[name] is getattr(dubhe_sdk, name)
    assert name in dir(dubhe_sdk)
