"""The sidecar: drains the spool to a sink."""
