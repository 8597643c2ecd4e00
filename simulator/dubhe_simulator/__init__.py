"""The platform, played on one machine: it starts an algorithm, sends requests, reads messages.

Reading order: `algorithm` and `dataset` are what is played with; `instance` (and `supervisor`, the
small process that answers for it) runs one task; `client` sends requests; `sources` brings
messages back; `watch` follows one task; `story` strings training, evaluation and inference
together; `terminal` and `report` show it. `view` is the seam where another display fits in.
"""
