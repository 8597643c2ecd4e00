"""Ways to report a metric, each run in an environment of its own.

Each module has ``prepare(folder: str) -> report`` with ``report(step: int) -> None``: everything
up to the loop, then one call of the loop. Nothing here imports this project but ``ours``.
"""
