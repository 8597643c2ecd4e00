"""What an algorithm has no method for is read in its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.methods import AppMethods

TRAIN_ONLY = """
import dubhe_sdk
@dubhe_sdk.pipeline()
class Model:
    @dubhe_sdk.train()
    def train(self, ctx): model.predict()
"""
OTHERS = {TaskKind.EVALUATE, TaskKind.INFER}


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"app.py": TRAIN_ONLY}, OTHERS),
        ({"app.py": f"{TRAIN_ONLY}\nimport more",
          "more.py": "import dubhe_sdk as d\n@d.predict()\ndef f(c): ..."},
         {TaskKind.INFER}),
        ({"app.py": f"{TRAIN_ONLY}\nfrom parts.more import X",
          "parts/__init__.py": "from . import other",
          "parts/other.py": "from dubhe_sdk import inference",
          "parts/more.py": "import dubhe_sdk\nf = dubhe_sdk.predict()(g)"}, set()),
        # nothing can be told
        ({"app.py": "from elsewhere import Model"}, set()),
        ({"app.py": "def broken(:"}, set()),
        ({"main.py": TRAIN_ONLY}, set()),
    ],
)  # fmt: skip
def test_missing_kinds(tmp_path: Path, files: dict[str, str], missing: set[TaskKind]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert AppMethods(tmp_path).missing() == missing


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(TRAIN_ONLY)
    methods = AppMethods(tmp_path)
    assert methods.missing() == OTHERS
    app.write_text(TRAIN_ONLY.replace(".train()", ".inference()"))
    os.utime(app, (1, 1))
    assert methods.missing() == {TaskKind.TRAIN, TaskKind.EVALUATE}
    assert AppMethods(None).missing() == set()
