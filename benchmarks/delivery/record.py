"""One message as the platform gets it, for those who send from memory."""

from __future__ import annotations

KEY = b"modelid1-bench-train-1"
VALUE = (
    b'{"instance_id":"modelid1-bench-train-1","request_number":3415043289293958421,'
    b'"date":1795549051326,"mes_type":2,"data":{"loss":0.123456,"accuracy":0.987,'
    b'"progress":0.5,"epoch":1}}'
)
BATCHES = 1000


def headers(index: int) -> list[tuple[str, str | bytes | None]]:
    """Return headers such as the sidecar's."""
    return [
        ("dubhe-writer", b"01a20f1039be-2627-c09ddf62"),
        ("dubhe-seq", b"%d" % index),
        ("dubhe-batch", b"%d/%d" % (index % BATCHES, BATCHES)),
    ]
