"""Where a line of a log begins, which level it has, and what a person sees of it.

The SDK's log consists of records: a line with time and level and everything that follows it, so a
traceback belongs to its record. Records are text, or JSON (``DUBHE_LOG_FORMAT=json``); a file may
hold both. On the console everybody writes, so each line stands for itself; its level is told by
the usual forms of log lines, and tracebacks are errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

LEVELS = ("DEBUG", "", "INFO", "WARNING", "ERROR")
"""By severity; the empty one is of lines that name none."""
DEBUG, PLAIN, INFO, WARNING, ERROR = range(len(LEVELS))
HEAD = 160
"""How many bytes at the beginning of a line tell its level."""

_RECORD = re.compile(
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d+) (DEBUG|INFO|WARNING|ERROR|CRITICAL) (?:\d+ )?"
    rb'|\{"time":"([^"]{23})[^"]*","level":"(DEBUG|INFO|WARNING|ERROR|CRITICAL)","logger":'
)
_LEVEL = {
    b"DEBUG": DEBUG, b"INFO": INFO, b"NOTICE": INFO, b"WARN": WARNING, b"WARNING": WARNING,
    b"ERROR": ERROR, b"CRITICAL": ERROR, b"FATAL": ERROR,
}  # fmt: skip
_WORD = re.compile(
    rb"(?<![A-Za-z_])(DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)(?![a-zA-Z_])"
)
_NAMES = re.compile(rb"[A-Za-z_][\w.]*")
_WARNS = re.compile(rb"\S.{0,120}?:\d+: \w*Warning: ")  # `warnings.warn`
_GLOG = re.compile(rb"([IWEF])\d{4} \d\d:\d\d:\d\d")
_GLOG_LEVEL = {b"I": INFO, b"W": WARNING, b"E": ERROR, b"F": ERROR}
_BETWEEN = (  # two tracebacks of one chain, as the module traceback writes them
    b"During handling of the above exception",
    b"The above exception was the direct cause",
)
# Control sequences of terminals (ECMA-48): colours and cursor; titles and links; the short ones.
_SEQUENCE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])"
_ESCAPE = re.compile(_SEQUENCE)
_ESCAPE_BYTES = re.compile(_SEQUENCE.encode())


class LineFormat(Protocol):
    """What the index has to know of a log.

    Attributes:
        unfinished: whether a line counts before its end was written.
    """

    unfinished: bool

    def levels(self, lines: Sequence[bytes], context: int) -> tuple[list[int | None], int]:
        """Return the level of each line, and the context of the next one.

        Args:
            lines: neighbouring ones, at least their first `HEAD` bytes.
            context: what this method returned for the lines before; 0 at the beginning.

        Returns:
            Places in `LEVELS`, None for a line that belongs to the one before.
        """

    def hidden(self, raw: bytes) -> int:
        """Return how many bytes at the beginning of a line are no part of its text."""

    def parse(self, raw: bytes) -> tuple[str, str]:
        """Return time and text of a line as they are shown; the time may be empty."""


class SdkFormat:
    """``dubhe.log``."""

    unfinished = False

    def levels(self, lines: Sequence[bytes], context: int) -> tuple[list[int | None], int]:
        """See `LineFormat.levels`. What precedes the first record of a file is one, too."""
        found: list[int | None] = []
        for line in lines:
            head = _RECORD.match(line)
            if head is not None:
                found.append(_LEVEL[head[2] or head[4]])
            else:
                found.append(None if context else INFO)
            context = 1
        return found, context

    def hidden(self, raw: bytes) -> int:
        """See `LineFormat.hidden`."""
        head = _RECORD.match(raw)
        return head.end() if head else 0

    def parse(self, raw: bytes) -> tuple[str, str]:
        """See `LineFormat.parse`."""
        head = _RECORD.match(raw)
        text = raw[head.end() if head and head[1] else 0 :].decode("utf-8", "replace")
        time = head[1].decode() if head and head[1] else ""
        if head and head[3]:
            time = head[3].decode().replace("T", " ").replace(".", ",")
            text = _text_of_json(text.rstrip("\n"))
        return time, as_shown(text.rstrip("\n"))


class ConsoleFormat:
    """What the algorithm wrote to standard output and standard error."""

    unfinished = True

    def levels(self, lines: Sequence[bytes], context: int) -> tuple[list[int | None], int]:
        """See `LineFormat.levels`. The context is 1 within a traceback."""
        found: list[int | None] = []
        for line in lines:
            # Millions of lines are looked at here, and most of them are plain.
            if (
                context
                or b"INFO" in line
                or b"ERROR" in line
                or b"WARN" in line
                or b"DEBUG" in line
                or b"Traceback" in line
                or b"Warning" in line
                or b"exception" in line
                or line[5:6] == b" "
                or b"FATAL" in line
                or b"CRITICAL" in line
                or b"NOTICE" in line
            ):
                level, context = _console_level(line, context)
                found.append(level)
            else:
                found.append(PLAIN)
        return found, context

    def hidden(self, raw: bytes) -> int:
        """See `LineFormat.hidden`."""
        return 0

    def parse(self, raw: bytes) -> tuple[str, str]:
        """See `LineFormat.parse`. A time is left where it was written."""
        return "", as_shown(raw.decode("utf-8", "replace").rstrip("\n"))


def _console_level(line: bytes, context: int) -> tuple[int, int]:
    head = line[:HEAD] if b"\r" not in line else line.rstrip(b"\r").rpartition(b"\r")[2][:HEAD]
    if b"\x1b" in head:
        head = _ESCAPE_BYTES.sub(b"", head)
    if b"Traceback (most recent call" in head:
        return ERROR, 1
    if context:
        # Its last line, which names the exception, is the first one that is not indented.
        return ERROR, int(not head or head[:1] in b" \t|")
    if head.startswith(_BETWEEN):
        return ERROR, 0
    if b"Warning: " in head and _WARNS.match(head):
        return WARNING, 0
    if head[1:2].isdigit() and (glog := _GLOG.match(head)):
        return _GLOG_LEVEL[glog[1]], 0
    return _named(head), 0


def _named(head: bytes) -> int:
    """Return the level that a line begins with, behind times and names; none of a sentence."""
    record = _RECORD.match(head)
    if record is not None:
        return _LEVEL[record[2] or record[4]]
    found = _WORD.search(head)
    if found is None:
        return PLAIN
    before = head[: found.start()].rstrip()
    timed = before.lstrip(b"[(<")[:1].isdigit()
    if before and not timed and before[-1:] not in b":[(|-<":
        return PLAIN
    return _LEVEL[found[1]] if len(_NAMES.findall(before)) <= 2 else PLAIN


def as_shown(text: str) -> str:
    """Return what a terminal shows of a text, without colours: the last state of a progress bar."""
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    if "\r" in text:
        lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
        text = "\n".join(lines)
    return text


def _text_of_json(text: str) -> str:
    """Return what a JSON record says: its message, its traceback, and what follows its line."""
    line, end, rest = text.partition("\n")
    try:
        record: dict[str, Any] = json.loads(line)
        message = str(record["message"])
        traceback = record["fields"].get("traceback")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text  # cut off, or another program's
    return message + (f"\n{traceback}" if traceback else "") + end + rest
