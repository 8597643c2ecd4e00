"""Servers around the same model, each run in an environment of its own.

``python -m benchmarks.serving.servers.NAME PORT`` serves until SIGTERM; ``ours`` is an app.
"""
