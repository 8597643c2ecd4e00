"""What an algorithm logs without and with a configuration of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dubhe_sdk.model.test_tasks import app_of
from tests.dubhe_sdk.service.harness import App

LOGS = """
    logging.getLogger("net").info("by a logger %d", 5)
    logging.info("by the module %d", 6)
    logging.getLogger("net").debug("too detailed")
    logging.getLogger("net").info("not %d", "fitting")
    Path("handlers").write_text(str(logging.root.handlers))
"""


@pytest.fixture
def source() -> str:
    return app_of(LOGS, "import logging")


def test_it_reaches_console_and_file(tmp_path: Path, source: str) -> None:
    with App(tmp_path, source) as app:
        app.start()
        app.train()
        app.wait_reported("END 200")
        for text in (app.log, app.console):
            assert text.count("by a logger 5") == text.count("by the module 6") == 1
            assert "too detailed" not in text
        assert app.wait_file("handlers") == "[]"


def test_its_own_configuration_is_its_own(tmp_path: Path, source: str) -> None:
    configure = 'logging.basicConfig(filename="own.log", format="own: %(message)s")'
    with App(tmp_path, source.replace("import logging", f"import logging\n{configure}")) as app:
        app.start()
        app.train()
        app.wait_reported("END 200")
        own = (tmp_path / "own.log").read_text()
        assert own == "own: by a logger 5\nown: by the module 6\n"
        assert "by a logger" not in app.log + app.console


def test_an_empty_configuration_is_one_too(tmp_path: Path, source: str) -> None:
    configured = source.replace("import logging", "import logging\nlogging.basicConfig()")
    with App(tmp_path, configured) as app:
        app.start()
        app.train()
        app.wait_reported("END 200")
        assert "INFO:net:by a logger 5" in app.console
        assert "by a logger" not in app.log
