"""Figures of inferences, as Prometheus's own parser reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dubhe_sdk.process.command import dubhe_command
from dubhe_sidecar.inference_metrics import families
from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.waiting import wait_for

BATCHED = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): ...

    @dubhe_sdk.inference(max_batch_size=4)
    def infer(self, contexts):
        return [None for _ in contexts]
"""


def figures(app: App) -> dict[str, float]:
    command = [*dubhe_command(), "status", "--prometheus", str(app.temporary / "spool")]
    text = subprocess.run(command, env=app.env, capture_output=True, text=True, check=True).stdout
    return {
        sample.name + sample.labels.get("le", ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name.startswith("dubhe_inference")
    }


def test_a_service_that_has_not_reported_has_none() -> None:
    assert list(families([])) == []
    assert list(families([{"inferences": None}, {}])) == []


def test_inferences_of_a_running_service(tmp_path: Path) -> None:
    with App(tmp_path, BATCHED, INFERENCE_ID) as app:
        app.start()
        for _ in range(3):
            assert app.infer()["flag"] == 1
        wait_for(lambda: figures(app).get("dubhe_inference_batch_size_count") == 3, app.console)
        found = figures(app)
        assert found["dubhe_inference_batch_size_bucket1"] == 3
        assert found["dubhe_inference_batch_size_bucket+Inf"] == 3
        assert found["dubhe_inference_batch_size_sum"] == 3
        assert found["dubhe_inference_wait_seconds_count"] == 3
        assert found["dubhe_inference_wait_seconds_bucket60"] == 3
        assert found["dubhe_inferences_refused_total"] == 0
        assert found["dubhe_inferences_abandoned_total"] == 0
        assert found["dubhe_inferences_waiting"] == 0
