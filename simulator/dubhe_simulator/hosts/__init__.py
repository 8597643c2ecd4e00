"""Instances that run elsewhere: `Host` runs them there, `HostBackend` is the platform's side.

A platform holds one connection to a host for each instance. Both sides speak lines of JSON:

=====================  ============================================================================
host to platform       ``{"protocol": "http", "port": 8030}``: what its instances serve, and where
platform to host       ``{"environment": {"INSTANCE_ID": …, "model_path": …}}``: start one
platform to host       closes its side: stop it (SIGTERM, after the grace SIGKILL)
host to platform       ``{"status": 0, "killed": false, "reported": 42}``: it has ended
host to platform       ``{"error": "…"}``: it was not started
=====================  ============================================================================

The instance lives as long as the connection. A platform that dies takes it along, so that nothing
is left that a later run could mistake for its own.
"""

from dubhe_simulator.hosts.host import DEFAULT_PORT, Host
from dubhe_simulator.hosts.hosts import HostBackend

__all__ = ["DEFAULT_PORT", "Host", "HostBackend"]
