"""`render`: a spool's metrics as Prometheus text (exposition format 0.0.4).

Counters count since the spool was created and are stored in it, so they survive restarts of the
sidecar; the help text of two that do not says so. Labels are few and bounded: the reason of an
outage is one of `OutageCode`; `dubhe status` and the log show its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dubhe_sidecar.inference_metrics import families
from dubhe_sidecar.sinks.base import OutageCode, WarningCode
from dubhe_sidecar.status import SpoolStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

CODES = tuple(code.value for code in OutageCode)
WARNING_CODES = tuple(code.value for code in WarningCode)

# name, type, help, and where in the status
_FAMILIES = (
    ("delivered_records_total", "counter", "Records that the destination has acknowledged."),
    ("delivered_bytes_total", "counter", "Bytes of the values of these records."),
    ("undelivered_records", "gauge", "Records in the spool that are not acknowledged."),
    ("undelivered_bytes", "gauge", "Their size in the spool."),
    ("dropped_records_total", "counter", "Progress that was dropped because the spool was full."),
    ("dead_letters_total", "counter", "Records that the destination permanently refuses."),
    (
        "dead_letters_discarded_total",
        "counter",
        "Of these, how many were deleted since their file is bounded.",
    ),
    ("damaged_bytes_total", "counter", "Damaged bytes that were skipped."),
    ("damaged_places_total", "counter", "Places in streams where such bytes were skipped."),
    ("missing_records_total", "counter", "Records lost with damaged or removed segments."),
    ("unreadable_streams", "gauge", "Streams that cannot be read at all."),
    ("delivery_retries_total", "counter", "Failed attempts since this sidecar's process started."),
    ("sidecar_deaths_total", "counter", "Sidecars that died in the containers that run now."),
    (
        "oldest_undelivered_age_seconds",
        "gauge",
        "Age of the oldest undelivered record; 0 if there is none.",
    ),
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
        "dead_letters_discarded_total": status.dead_letters_discarded,
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
    for name, kind, help_text in _FAMILIES:
        lines += _family(name, kind, help_text, [(common, values[name])])
    code = _outage_code(status)
    outage = [({**common, "code": one}, float(one == code)) for one in CODES]
    lines += _family("outage", "gauge", "1 for the reason why nothing is delivered now.", outage)
    warnings = [
        ({**common, "code": one}, float(one in status.warning_codes)) for one in WARNING_CODES
    ]
    lines += _family(
        "warning", "gauge", "1 for what endangers or slows delivery that works.", warnings
    )
    writing = sum(stream.writing for stream in status.streams)
    streams = [
        ({**common, "state": "writing"}, float(writing)),
        ({**common, "state": "ended"}, float(len(status.streams) - writing)),
    ]
    lines += _family("streams", "gauge", "Streams in the spool.", streams)
    for family in families(status.services):
        lines += _head(family.name, family.kind, family.help)
        lines += [
            _sample(family.name + suffix, {**common, **more}, value)
            for suffix, more, value in family.samples
        ]
    return "\n".join(lines) + "\n"


def _outage_code(status: SpoolStatus) -> str | None:
    if status.last_error is None:
        return None
    code = status.last_error_code
    return code if code in CODES else OutageCode.OTHER.value


def _family(
    name: str, kind: str, help_text: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> list[str]:
    return _head(name, kind, help_text) + [_sample(name, *sample) for sample in samples]


def _head(name: str, kind: str, help_text: str) -> list[str]:
    return [f"# HELP dubhe_{name} {help_text}", f"# TYPE dubhe_{name} {kind}"]


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"dubhe_{name}{{{inner}}} {value:.15g}" if inner else f"dubhe_{name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
