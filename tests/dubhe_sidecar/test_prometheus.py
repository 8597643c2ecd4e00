"""The figures as Prometheus's own parser reads them."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.prometheus import CODES, render
from dubhe_sidecar.status import SpoolStatus, inspect
from tests.dubhe_sdk.spool.helpers import append, flip_bit, make_writer, segments
from tests.dubhe_sidecar.helpers import FakeSink, Topic


def figures(text: str) -> dict[str, float]:
    """Return value by name and labels; each family has a type and a description and occurs once."""
    found: dict[str, float] = {}
    names: list[str] = []
    for family in text_string_to_metric_families(text):
        names.append(family.name)
        assert family.type in ("counter", "gauge") and family.documentation, family
        for sample in family.samples:
            labels = "".join(f"{{{k}={v}}}" for k, v in sample.labels.items())
            assert found.setdefault(sample.name + labels, sample.value) is sample.value
    assert len(names) == len(set(names))
    return found


def test_a_spool_with_everything_in_it(tmp_path):
    writer = make_writer(tmp_path)
    for number in range(4):
        append(writer, number)
    [path] = segments(tmp_path, writer.stream)
    drain = Drain(tmp_path, FakeSink(Topic()))
    drain.open()
    while drain.step():
        pass
    drain.save()
    begin = path.stat().st_size
    append(writer, 4)
    flip_bit(path, path.stat().st_size - 6)
    append(writer, 5)
    while not drain.cursor.totals.skipped_places:
        drain.step()
    drain.cursor.totals.rejected += 3
    drain.cursor.totals.dead_letters_discarded += 1
    drain.save()
    assert begin
    append(writer, 6)
    writer.append(Kind.RESULT, b"{}", 1_000)
    (tmp_path / "broken-1.00000001.seg").write_bytes(b"no segment")
    found = figures(render(inspect(tmp_path)))
    assert found["dubhe_delivered_records_total"] == 5
    assert found["dubhe_delivered_bytes_total"] == 5
    assert found["dubhe_undelivered_records"] == 2
    assert found["dubhe_undelivered_bytes"] > 50
    assert found["dubhe_dead_letters_total"] == 3
    assert found["dubhe_dead_letters_discarded_total"] == 1
    assert found["dubhe_damaged_places_total"] == 1
    assert found["dubhe_damaged_bytes_total"] > 40
    assert found["dubhe_missing_records_total"] == 1  # the damaged one
    assert found["dubhe_oldest_undelivered_age_seconds"] > 0
    assert found["dubhe_streams{state=writing}"] == 1
    assert found["dubhe_sidecar_up"] == found["dubhe_delivering"] == 0
    drain.close()
    writer.close()


def test_an_outage_and_what_the_container_parents_tell():
    status = SpoolStatus("/spool", "running", "kafka a:1", last_error="kafka a:1: no permission")
    status.last_error_code = "authorization"
    status.launches = [{"sidecar": {"deaths": 2}}, {"sidecar": {"deaths": 1}}]
    status.dropped, status.retries, status.unreadable = 10**12 + 1, 7, ["x: broken"]
    found = figures(render(status, {"instance_id": 'a"b\\c\nd'}))
    label = '{instance_id=a"b\\c\nd}'
    assert found[f"dubhe_sidecar_deaths_total{label}"] == 3
    assert found[f"dubhe_dropped_records_total{label}"] == 10**12 + 1
    assert found[f"dubhe_delivery_retries_total{label}"] == 7
    assert found[f"dubhe_unreadable_streams{label}"] == 1
    assert found[f"dubhe_sidecar_up{label}"] == 1
    assert found[f"dubhe_delivering{label}"] == 0
    outages = {name: value for name, value in found.items() if name.startswith("dubhe_outage")}
    assert len(outages) == len(CODES)
    assert [name for name, value in outages.items() if value] == [
        f"dubhe_outage{label}{{code=authorization}}"
    ]


@pytest.mark.parametrize("code", [None, "of a later version"])
def test_an_outage_without_a_known_code(code):
    status = SpoolStatus("/spool", "running", "kafka a:1", last_error="kafka a:1: something")
    status.last_error_code = code
    assert figures(render(status))["dubhe_outage{code=other}"] == 1
    assert all(re.fullmatch("[a-z]+", one) for one in CODES)
