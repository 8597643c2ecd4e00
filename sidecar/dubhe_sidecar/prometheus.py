"""A spool's figures as Prometheus text (exposition format 0.0.4): `render`.

Counters count since the spool was made and lie in the spool, so they survive restarts of the
sidecar; two that do not say so. Labels are few and bounded: the reason of an outage is told as one
of `CODES`, its words stand in `dubhe status` and in the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dubhe_sidecar.status import SpoolStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# What the words of an outage mean, the first that fits. See `sinks.kafka.causes`.
_CODES = (
    ("authentication", r"authentication|KAFKA_SASL_MECHANISM"),
    ("tls", r"TLS failed|TLS or SASL expected|client certificate"),
    ("authorization", r"no permission|Authorization"),
    ("topic", r"topic .*does not exist|the topic or its partition"),
    ("replicas", r"too few replicas"),
    ("name", r"cannot be resolved"),
    ("refused", r"connection refused"),
    ("unreachable", r"no route|unreachable|no answer|connected or connecting"),
    ("protocol", r"not a Kafka broker"),
)
CODES = (*(code for code, _ in _CODES), "other")

# name, type, help, and where in the status
_PLAIN = (
    ("delivered_records_total", "counter", "Records that the destination has acknowledged."),
    ("delivered_bytes_total", "counter", "Bytes of their values."),
    ("undelivered_records", "gauge", "Records in the spool that are not acknowledged."),
    ("undelivered_bytes", "gauge", "What they take in the spool."),
    ("dropped_records_total", "counter", "Progress that was dropped because the spool was full."),
    ("dead_letters_total", "counter", "Records that the destination refuses for ever."),
    ("damaged_bytes_total", "counter", "Bytes that were no frames and were skipped."),
    ("damaged_places_total", "counter", "Places in streams where such bytes were skipped."),
    ("missing_records_total", "counter", "Records lost with damage, as far as numbers prove."),
    ("unreadable_streams", "gauge", "Streams that cannot be read at all."),
    ("delivery_retries_total", "counter", "Vain attempts since this sidecar's process began."),
    ("sidecar_deaths_total", "counter", "Sidecars that died under the containers that run now."),
    ("oldest_undelivered_age_seconds", "gauge", "Since the oldest of them was said; 0 if none."),
    ("sidecar_up", "gauge", "1 while a sidecar holds the spool."),
    ("delivering", "gauge", "0 during an outage, or without a sidecar."),
)


def render(status: SpoolStatus, labels: Mapping[str, str] | None = None) -> str:
    """Return the text.

    Args:
        status: of one spool.
        labels: put on every sample, for example the instance's id.
    """
    values: dict[str, float] = {
        "delivered_records_total": status.delivered,
        "delivered_bytes_total": status.delivered_bytes,
        "undelivered_records": status.undelivered,
        "undelivered_bytes": status.undelivered_bytes,
        "dropped_records_total": status.dropped,
        "dead_letters_total": status.dead_letters,
        "damaged_bytes_total": status.damaged_bytes,
        "damaged_places_total": status.damaged_places,
        "missing_records_total": status.missing,
        "unreadable_streams": len(status.unreadable),
        "delivery_retries_total": status.retries,
        "sidecar_deaths_total": sum(one["sidecar"]["deaths"] for one in status.launches),
        "oldest_undelivered_age_seconds": status.oldest_age_seconds or 0.0,
        "sidecar_up": status.sidecar == "running",
        "delivering": status.sidecar == "running" and status.last_error is None,
    }
    common = dict(labels or {})
    lines: list[str] = []
    for name, kind, help_text in _PLAIN:
        lines += _family(name, kind, help_text, [(common, values[name])])
    code = None if status.last_error is None else code_of(status.last_error)
    outage = [({**common, "code": one}, float(one == code)) for one in CODES]
    lines += _family("outage", "gauge", "1 for the reason why nothing is delivered now.", outage)
    writing = sum(stream.writing for stream in status.streams)
    streams = [
        ({**common, "state": "writing"}, float(writing)),
        ({**common, "state": "ended"}, float(len(status.streams) - writing)),
    ]
    lines += _family("streams", "gauge", "Streams in the spool.", streams)
    return "\n".join(lines) + "\n"


def code_of(error: str) -> str:
    """Return which of `CODES` the words of an outage mean."""
    return next((code for code, pattern in _CODES if re.search(pattern, error)), CODES[-1])


def _family(
    name: str, kind: str, help_text: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> list[str]:
    lines = [f"# HELP dubhe_{name} {help_text}", f"# TYPE dubhe_{name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(
            f"dubhe_{name}{{{inner}}} {value:.15g}" if inner else f"dubhe_{name} {value:.15g}"
        )
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
