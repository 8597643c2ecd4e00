"""The local spool: append-only streams of frames, one per writer process.

`frame` and `segment` define the format, `writer` appends, `reader` and `merge` read. The whole
argument why nothing is lost or repeated stands in docs/en/architecture.md.
"""
