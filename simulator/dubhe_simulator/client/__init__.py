"""Sending requests to an instance, in the two protocols of the contract.

Standard library only, and nothing of the SDK's own protocol code: a mistake there must not be
made twice and so go unnoticed.
"""

from __future__ import annotations

from dubhe_simulator.client.base import Client, NoAnswer
from dubhe_simulator.client.http import HttpClient
from dubhe_simulator.client.tcp import TcpClient

__all__ = ["Client", "HttpClient", "NoAnswer", "TcpClient", "open_client"]


def open_client(protocol: str, host: str, port: int) -> Client:
    """Return a client; it connects with its first request."""
    return HttpClient(host, port) if protocol == "http" else TcpClient(host, port)
