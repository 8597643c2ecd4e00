"""Where the time goes, for the figures that `python -m benchmarks` gives.

``python -m benchmarks.profiles.call``, ``python -m benchmarks.profiles.drain``.
"""
