"""Hostile bytes against a running service; ``python -m tests.fuzz --help``."""
