"""Outputs of torchvision's own models become results."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.examples.torch_environment import torch_python
from tests.integrations.support import marks

pytestmark = marks

SCRIPT = """
import json, os
import dubhe_sdk, torch
from dubhe_sdk.integrations.torchvision import (
    report_classifications, report_detections, report_segmentation,
)
from torchvision.models import resnet18
from torchvision.models.detection import maskrcnn_resnet50_fpn, ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

torch.manual_seed(0)
torch.set_num_threads(1)
ctx = dubhe_sdk.Context({})
classes = ["background", "dent", "scratch"]
detector = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3).eval()
masks = maskrcnn_resnet50_fpn(
    weights=None, weights_backbone=None, num_classes=3, min_size=64, max_size=64,
    box_score_thresh=0.0, box_detections_per_img=5, rpn_post_nms_top_n_test=20,
).eval()
segments = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3).eval()
with torch.inference_mode():
    (masked,) = masks([torch.rand(3, 64, 64)])
    segmented = segments(torch.rand(1, 3, 64, 64))["out"][0]
    (output,) = detector(torch.rand(1, 3, 64, 64))
    logits = resnet18(num_classes=3).eval()(torch.rand(2, 3, 32, 32))
target = {"boxes": torch.tensor([[1.0, 2.0, 30.0, 40.0]]), "labels": torch.tensor([2])}
square = torch.zeros(1, 64, 64)
square[0, 2:40, 1:30] = 1
exact = {**target, "scores": torch.tensor([0.9])}
print(json.dumps({
    "detected": report_detections(ctx, "a.png", output, classes, truth=target, confidence=0.0),
    "boxes": len(output["boxes"]),
    "exact": report_detections(ctx, "a.png", exact, classes, truth=target),
    "masked": report_detections(ctx, "a.png", masked, classes, confidence=0.0),
    "masks": len(masked["masks"]),
    "square": report_detections(
        ctx, "a.png", {**exact, "masks": square[None]}, classes,
        truth={**target, "masks": square.byte()},
    ),
    "segmented": report_segmentation(
        ctx, "a.png", segmented, classes, truth=segmented.argmax(0),
    ),
    "segments": segmented.argmax(0).unique().tolist(),
    "unsure": report_detections(ctx, "a.png", exact, classes, confidence=0.95),
    "classes": report_classifications(ctx, ["a.png", "b.png"], logits, classes, truth=[1, "dent"]),
}))
"""


def test_detections_and_classifications(tmp_path: Path) -> None:
    done = subprocess.run(
        [torch_python(), "-W", "ignore", "-c", SCRIPT],
        env={"DUBHE_TEMPORARY": str(tmp_path), "INSTANCE_ID": "m-a-forecast-1", "HOME": "/tmp"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    (image,) = found["detected"]
    assert len([one for one in image["info"] if one["predict_code"]]) == found["boxes"]
    assert any(one["ground_true"] == "scratch" for one in image["info"])
    ((entry,),) = ([image["info"] for image in found["exact"]],)
    assert entry[0]["predict_code"] == entry[0]["ground_true"] == "scratch"
    assert entry[0]["position"] == [[1.0, 2.0], [30.0, 40.0]] and entry[0]["conf"] == 0.9
    assert found["masks"] == len(found["masked"][0]["info"]) > 0
    assert found["square"][0]["info"][0]["position"] == [[1, 2], [30, 2], [30, 40], [1, 40]]
    entries = found["segmented"][0]["info"]
    there = [["background", "dent", "scratch"][number] for number in found["segments"]]
    assert [one["predict_code"] for one in entries] == [one for one in there if one[0] != "b"]
    assert all(one["special"]["iou"] == 1 and 0 < one["conf"] < 1 for one in entries)
    assert found["unsure"][0]["info"] == []
    one, two = (image["info"][0] for image in found["classes"])
    assert one["ground_true"] == two["ground_true"] == "dent"
    assert one["predict_code"] in ("background", "dent", "scratch") and 0 < one["conf"] <= 1
