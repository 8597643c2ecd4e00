"""Sends one request from a file and writes the reply: ``python3 -m dubhe_simulator.client``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_sdk.environment import PROTOCOLS
from dubhe_simulator.client import NoAnswer, open_client

TIMEOUT_S = 60.0
EXIT_OK = 0
EXIT_FAILED = 1


def main(argv: list[str]) -> int:
    """Send the request. Returns 0 if it was accepted, 1 if not, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        prog="python3 -m dubhe_simulator.client",
        description="Send one request to an algorithm and write the reply.",
        epilog="Exit status: 0 accepted; 1 refused or no answer; 2 wrong use.",
    )
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("address", type=_address, metavar="HOST:PORT")
    parser.add_argument("request", type=Path, help="file with the request, a JSON object")
    options = parser.parse_args(argv)
    try:
        body = json.loads(options.request.read_text(encoding="utf-8"))
        if not isinstance(body, dict) or body.get("req_type") not in (0, 1, 2, 3):
            raise ValueError('expected a JSON object with "req_type" 0, 1, 2 or 3')
    except (OSError, ValueError) as error:
        parser.error(f"{options.request}: {error}")
    client = open_client(options.protocol, *options.address)
    try:
        reply = client.request(body, TIMEOUT_S)
    except NoAnswer as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    finally:
        client.close()
    sys.stdout.write(json.dumps(reply, ensure_ascii=False, indent=2) + "\n")
    return EXIT_OK if reply.get("flag") == FLAG_OK else EXIT_FAILED


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host:
        raise ValueError(value)
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
