"""Print the service's HTTP interface as an OpenAPI document."""

from __future__ import annotations

import argparse
import json
import sys

from dubhe_sdk import __version__
from dubhe_sdk.contract.openapi import document


def main(argv: list[str]) -> int:
    """`dubhe openapi`."""
    parser = argparse.ArgumentParser(
        prog="dubhe openapi",
        description="Print the OpenAPI 3.1 document (JSON) of the service's four HTTP routes. It "
        "is made from the tables that the service checks requests with.",
        epilog="Exit status: 0. Example: dubhe openapi > openapi.json",
    )
    parser.parse_args(argv)
    sys.stdout.write(json.dumps(document(__version__), ensure_ascii=False, indent=2) + "\n")
    return 0
