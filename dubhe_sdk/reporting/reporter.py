"""`Reporter`: from ``data`` to a message in the spool."""

from __future__ import annotations

import os
import time
from typing import Any

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.environment import LAUNCH_VARIABLE, Settings
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.reporting.encoding import dumps, dumps_numbers
from dubhe_sdk.spool.destination import JOURNAL, KAFKA, cluster_of_launch
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import read_spool_limits
from dubhe_sdk.spool.merge import boot_id
from dubhe_sdk.spool.segment import Description
from dubhe_sdk.spool.writer import SpoolWriter

# Names the run of the service to all processes of it; see `Description.service`.
SERVICE_VARIABLE = "DUBHE_SERVICE"

_time_ns = time.time_ns
_PROGRESS = int(Kind.PROGRESS)


class Reporter:
    """Reports messages for one instance. Thread-safe, fork-safe.

    Args:
        settings: spool, topics and log.
        instance_id: the instance that reports.

    Raises:
        SpoolUnusable: the spool directory cannot be written.
        EnvironmentInvalid: a limit of the spool is malformed.
    """

    def __init__(self, settings: Settings, instance_id: str) -> None:
        self._settings = settings
        self._instance_id = instance_id
        self._prefix = b'{"instance_id":' + dumps(instance_id) + b',"request_number":'
        # As `messages.encode_value` would write it; formatting takes time for each part.
        self._progress = b'%b%%d,"date":%%d,"mes_type":%d,"data":%%b}' % (
            self._prefix.replace(b"%", b"%%"),
            MessageType.PROGRESS,
        )
        self.writer = SpoolWriter(
            settings.spool, self._describe, read_spool_limits(os.environ), self._warn
        )
        self._number_messages()
        os.register_at_fork(after_in_child=self._number_messages)

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        """Report progress. ``data`` is flat: names → finite numbers or texts.

        The algorithm's hot path: no log line is written here; the service parent writes it from
        the spool.
        """
        date = _time_ns() // 1_000_000
        self.writer.append(
            _PROGRESS,
            self._progress % (self.writer.next_request_number(), date, dumps_numbers(data)),
            date,
            batch,
            batches,
        )

    def report(self, kind: Kind, type_: MessageType, data: Any) -> bool:
        """Report READY, START, END or a result. Return whether it was accepted."""
        date = _time_ns() // 1_000_000
        number, content = self.writer.next_request_number(), dumps(data, self._warn)
        value = messages.encode_value(self._prefix, number, date, type_, content)
        return self.writer.append(kind, value, date)

    def _describe(self, stream: str) -> Description:
        kafka = self._settings.bootstrap_servers is not None
        launch = os.environ.get(LAUNCH_VARIABLE, "")
        return Description(
            stream=stream,
            instance_id=self._instance_id,
            topic_status=self._settings.topic_status,
            topic_result=self._settings.topic_result,
            service=os.environ.get(SERVICE_VARIABLE, ""),
            boot_id=boot_id(),
            wall_ns=_time_ns(),
            pid=os.getpid(),
            destination=KAFKA if kafka else JOURNAL,
            cluster=cluster_of_launch(self._settings.spool, launch) if kafka else "",
            launch=launch,
        )

    def _warn(self, text: str) -> None:
        open_log(self._settings.log_file).warning("%s", text)

    def _number_messages(self) -> None:
        """Count from a random number, of which two processes practically never share a stretch.

        A start below 2^62 leaves 2^62 numbers to the limit of 2^63.
        """
        start = int.from_bytes(os.urandom(8), "big") % (messages.REQUEST_NUMBER_LIMIT // 2)
        self.writer.number_messages(self._prefix, start + 1)
