"""How lines of the log look: text for people, or JSON for machines (``DUBHE_LOG_FORMAT=json``).

A JSON line is an object with, in this order, ``time`` (ISO 8601 with offset), ``level``,
``logger``, ``process`` (PID), ``message`` and ``fields`` (what `extra={"fields": …}` gave;
``traceback`` for an exception). The order and the separators are fixed, so that a reader can find
time and level without parsing the rest.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dubhe_sdk import environment
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.logs.console import write_line

# Lines for people: of the log file and the console, and of the web front.
LOG_LINE = "%(asctime)s %(levelname)s %(process)d %(message)s"
WEB_LOG_LINE = "%(asctime)s %(levelname)s %(process)d web: %(message)s"

VARIABLE = "DUBHE_LOG_FORMAT"
FORMATS = ("text", "json")

# Half of a surrogate pair, and what some readers take for the end of a line.
_NOT_FOR_A_LINE = re.compile("[\u0085\u2028\u2029\ud800-\udfff]")


def read_format(env: Mapping[str, str]) -> str:
    """Return ``text`` or ``json``.

    Raises:
        EnvironmentInvalid: it is neither.
    """
    found = (environment.text(env, VARIABLE) or FORMATS[0]).lower()
    if found not in FORMATS:
        raise EnvironmentInvalid(
            f"environment variable {VARIABLE} is {found[:80]!r}, expected 'text' or 'json'"
        )
    return found


def formatter(text_format: str) -> logging.Formatter:
    """Return the formatter that the environment asks for.

    A malformed variable counts as text here: the commands refuse it, a library does not.

    Args:
        text_format: for people, as in `logging.Formatter`.
    """
    return JsonFormatter() if _wants_json() else logging.Formatter(text_format)


class JsonFormatter(logging.Formatter):
    """Makes a JSON object of a record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json_line(
            record.created,
            record.levelname,
            record.name,
            record.process or os.getpid(),
            record.getMessage(),
            fields,
        )


def json_line(
    seconds: float, level: str, logger: str, process: int, message: str, fields: Mapping[str, Any]
) -> str:
    """Return one line, without its end.

    Args:
        seconds: when, since 1970.
        level: ``INFO`` and so on.
        logger: its name.
        process: PID.
        message: any text; line ends are escaped.
        fields: further values; a value that JSON cannot express becomes a string.
    """
    value = {
        "time": datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds"),
        "level": level,
        "logger": logger,
        "process": process,
        "message": message,
        "fields": fields,
    }
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return _NOT_FOR_A_LINE.sub(_escaped, line)


def _escaped(found: re.Match[str]) -> str:
    # Half of a pair is written as text: as an escape of JSON many readers would refuse the line.
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0xD800 else f"\\\\u{code:04x}"


def log_to_stderr(command: str, text: str, level: int = logging.WARNING) -> None:
    """Write a line to stderr, without waiting for who reads it.

    Args:
        command: the subcommand of `dubhe`.
        text: the message.
        level: `logging`'s, for the JSON form.
    """
    line = f"dubhe {command}: {text}"
    if _wants_json():
        name = logging.getLevelName(level)
        line = json_line(time.time(), name, f"dubhe_sdk.{command}", os.getpid(), text, {})
    write_line(line)


def _wants_json() -> bool:
    return os.environ.get(VARIABLE, "").strip().lower() == FORMATS[1]
