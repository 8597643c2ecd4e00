"""Send one request to a running instance, for scripts: train, evaluate or infer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_sdk.environment import brokers, text
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator.algorithm.dataset import NO_DATA, Dataset, read_dataset
from dubhe_simulator.client.address import Address, ask, name_of
from dubhe_simulator.client.base import NoAnswer
from dubhe_simulator.client.load import load
from dubhe_simulator.client.platform_api import PlatformClient, PlatformUnavailable
from dubhe_simulator.commands.options import (
    EXIT_FAILED,
    EXIT_OK,
    add_brokers,
    add_seconds,
    adder,
    address,
    command_parser,
    positive,
)
from dubhe_simulator.contract.message import Message
from dubhe_simulator.contract.payload_options import read_body, set_fields
from dubhe_simulator.contract.topics import topics
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate
from dubhe_simulator.sources import open_source
from dubhe_simulator.sources.record import InvalidRecord, RecordBatch, read
from dubhe_simulator.terminal.screen import Screen

KINDS = {kind.value: kind for kind in TaskKind}
UNKNOWN = "manual-local-{word}-1"  # manual mode takes any id
POLL_INTERVAL_S = 0.3
SOURCE_TIMEOUT_S = 10.0


def main(argv: list[str]) -> int:
    """Send, and return the exit status: 0 accepted, 1 refused or no answer, 2 usage."""
    parser = _parser()
    given = parser.parse_args(argv)
    if (given.address is None) == (given.ui is None):
        parser.error(translate("send_where"))
    if given.wait and given.kind == "infer":
        parser.error(translate("send_inference_no_wait"))
    if given.wait and not (given.ui or given.journal or given.brokers):
        parser.error(translate("send_wait_how"))
    if given.repeat is None:
        if given.clients != 1:
            parser.error(translate("send_clients_repeat"))
    elif given.kind != "infer" or given.ui is not None:
        parser.error(translate("send_repeat_inference"))
    try:
        return _through(given) if given.ui is not None else _directly(given, given.address)
    except (CannotStart, NoAnswer, PlatformUnavailable, EnvironmentInvalid) as error:
        return _fail(error)


def _directly(given: argparse.Namespace, to: Address) -> int:
    kind = KINDS[given.kind]
    name = given.instance or name_of(to) or UNKNOWN.format(word=kind.id_word)
    body = _body(given, kind, name)
    if given.repeat is not None:
        return _repeatedly(given, to, body)
    if not given.wait:
        return _print_reply(ask(to, body, given.timeout).__dict__)
    batches: SimpleQueue[RecordBatch] = SimpleQueue()
    servers = brokers({"BOOTSTRAP_SERVERS": given.brokers}) if given.journal is None else None
    source = open_source(None, servers, topics(os.environ), {}, batches.put, skip_history=True)
    with closing(source):
        if given.journal is not None:  # the instance's folder, or its journal
            source.follow(
                given.journal if given.journal.name != "journal" else given.journal.parent
            )
        source.start()
        if not source.wait_until_connected(SOURCE_TIMEOUT_S):
            raise CannotStart(translate("no_broker", brokers=servers, error=source.error or ""))
        source.catch_up(SOURCE_TIMEOUT_S)
        sent_after = batches.qsize()  # what came before belongs to former tasks
        status = _print_reply(ask(to, body, given.timeout).__dict__)
        if status != EXIT_OK:
            return status
        for _ in range(sent_after):
            batches.get()
        message = _wait_for_end(batches, name, given.timeout)
    if message is None:
        raise CannotStart(translate("send_no_end", seconds=given.timeout))
    return _ended(message.failed, str(message.data.get("msg", "")))


def _repeatedly(given: argparse.Namespace, to: Address, body: dict[str, Any]) -> int:
    """Send it by several clients, and print how quick the replies were."""
    screen = Screen(sys.stderr)

    def progress(count: int) -> None:
        screen.bottom(f"{count} / {given.repeat}")

    seen = load(to, body, given.clients, given.repeat, given.timeout, progress)
    for failure, count in seen.failures.most_common():
        screen.line(translate("send_load_failed", count=count, error=failure))
    screen.clear()
    if seen.ms:
        figures = {
            "requests": len(seen.ms), "clients": given.clients, "seconds": f"{seen.seconds:.2f}",
            "rate": f"{seen.rate:.1f}", "median": f"{seen.percentile(0.5):.1f}",
            "p99": f"{seen.percentile(0.99):.1f}",
        }  # fmt: skip
        sys.stdout.write(translate("send_load", **figures) + "\n")
    return EXIT_FAILED if seen.failures else EXIT_OK


def _wait_for_end(
    batches: SimpleQueue[RecordBatch], instance: str, timeout: float
) -> Message | None:
    """Return the next END of an instance; None if none comes in time."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            batch = batches.get(timeout=left)
        except Empty:
            break
        for record in batch.records:
            with suppress(InvalidRecord):
                message = read(record)
                if message.action == "END" and message.instance_id == instance:
                    return message
    return None


def _through(given: argparse.Namespace) -> int:
    """Let a running `dubhe ui` send it."""
    remote = PlatformClient(given.ui, given.timeout, text(os.environ, "DUBHE_UI_TOKEN"))
    kind = KINDS[given.kind]
    if given.instance is None:
        if given.set or given.body or given.images or given.data_dir:
            raise CannotStart(translate("send_needs_instance"))
        return _by_workflow(remote, given, kind)
    forms = remote.get("forms", instance=given.instance)["requests"]
    form = next(form["body"] for form in forms if form["name"] == kind.value)
    own = given.body or given.images or given.data_dir
    body = _body(given, kind, given.instance) if own else set_fields(form, given.set)
    before = _runs(remote, given.instance)
    status = _print_reply(remote.post("send", {"instance": given.instance, "body": body}))
    if status != EXIT_OK or not given.wait:
        return status
    deadline = time.monotonic() + given.timeout
    while time.monotonic() < deadline:
        for run in _runs(remote, given.instance).values():
            if run["id"] not in before and run["ended_ms"] is not None:
                return _ended(run["status"] != 200, run["message"])
        time.sleep(POLL_INTERVAL_S)
    raise PlatformUnavailable(translate("send_no_end", seconds=given.timeout))


def _by_workflow(remote: PlatformClient, given: argparse.Namespace, kind: TaskKind) -> int:
    """Have a fitting instance started if there is none."""
    seen = remote.get("state")["sends"]
    remote.post(f"workflow/{kind.value}", {})
    deadline, status = time.monotonic() + given.timeout, None
    while time.monotonic() < deadline:
        workflow = remote.get("state")["workflow"]
        if status is None:
            status = _print_reply_since(remote, seen, kind)
        if workflow["state"] in ("failed", "stopped"):
            return _ended(True, workflow["error"])
        if status is not None and (workflow["state"] == "done" or not given.wait):
            return status
        time.sleep(POLL_INTERVAL_S)
    raise PlatformUnavailable(translate("send_no_end", seconds=given.timeout))


def _print_reply_since(remote: PlatformClient, seen: int, kind: TaskKind) -> int | None:
    """Print the reply to a request sent after number ``seen``; None if there is none yet."""
    for item in remote.get("sends", limit=5)["items"]:
        if item["id"] > seen and item["body"].get("req_type") == kind.request_type:
            return _print_reply(item)
    return None


def _runs(remote: PlatformClient, instance: str) -> dict[int, dict[str, Any]]:
    runs = remote.get("state")["runs"]
    return {run["id"]: run for run in runs if run["instance"] == instance}


def _body(given: argparse.Namespace, kind: TaskKind, name: str) -> dict[str, Any]:
    if given.body is not None:
        body = {"req_type": kind.request_type, "instance_id": name, **read_body(given.body)}
    elif given.images is not None and kind is TaskKind.INFER:
        data = Dataset(test=given.images.absolute())
        count = len(data.images())
        if count == 0:
            raise CannotStart(translate("no_images", folder=data.test))
        body = data.request(kind, name, images=count)
    else:
        data = read_dataset(given.data_dir) if given.data_dir is not None else NO_DATA
        body = data.request(kind, name)
    return set_fields(body, given.set)


def _print_reply(answer: dict[str, Any]) -> int:
    """Print a reply, or why there is none; return the exit status."""
    reply = answer["reply"]
    if reply is None:
        return _fail(translate("no_answer", error=answer["error"]))
    sys.stdout.write(json.dumps(reply, ensure_ascii=False) + "\n")
    return EXIT_OK if reply.get("flag") == FLAG_OK else EXIT_FAILED


def _ended(failed: bool, message: str) -> int:
    return _fail(message) if failed else EXIT_OK


def _fail(error: object) -> int:
    sys.stderr.write(translate("failed", error=error) + "\n")
    return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("send", "send_help", "send_help_exit")
    add = adder(parser)
    add("kind", help="send_help_kind", choices=tuple(KINDS))
    add("address", help="send_help_address", nargs="?", type=address, metavar="URL")
    add("--ui", help="send_help_ui", metavar="URL")
    add("--instance", help="send_help_instance", metavar="ID")
    add("--data-dir", help="send_help_data", type=Path, metavar="DIR")
    add("--images", help="send_help_images", type=Path, metavar="DIR")
    add("--body", help="send_help_body", type=Path, metavar="FILE")
    add("--set", help="send_help_set", action="append", default=[], metavar="KEY=VALUE")
    add("--repeat", help="send_help_repeat", type=positive, metavar="N")
    add("--clients", help="send_help_clients", type=positive, default=1, metavar="N")
    add("--wait", help="send_help_wait", action="store_true")
    add("--journal", help="send_help_journal", type=Path, metavar="DIR")
    add_brokers(parser, "send_help_brokers")
    add_seconds(parser, "--timeout", 3600.0, "send_help_timeout")
    return parser
