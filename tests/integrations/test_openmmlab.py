"""Models of MMDetection and MMSegmentation give results: their own data samples are reported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.integrations.openmmlab import DETECTOR, PREPARED, SEGMENTER
from tests.integrations.openmmlab_environment import openmmlab_python
from tests.integrations.support import marks

pytestmark = marks

SCRIPT = f"""
import json
{PREPARED}{DETECTOR}{SEGMENTER}
import mmdet.models, mmseg.models, numpy
import dubhe_sdk
from dubhe_sdk.integrations.mmengine import report_samples
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

torch.manual_seed(0)
torch.set_num_threads(1)
ctx = dubhe_sdk.Context({{}})
size = dict(img_shape=(64, 64), ori_shape=(64, 64))

mmdet.utils.register_all_modules()
detector = MODELS.build(
    ConfigDict(rtmdet("RTMDetInsSepBNHead", loss_mask=dict(type="DiceLoss")))
).eval()
sample = DetDataSample(metainfo=dict(img_path="d.png", scale_factor=(1.0, 1.0), **size))
mask = numpy.zeros((1, 64, 64), numpy.uint8)
mask[0, 2:4, 1:3] = 1
sample.gt_instances = InstanceData(
    bboxes=HorizontalBoxes(torch.tensor([[1.0, 2.0, 3.0, 4.0]])), labels=torch.tensor([1]),
    masks=BitmapMasks(mask, 64, 64),
)
image = torch.zeros(3, 64, 64, dtype=torch.uint8)
detected = detector.test_step(dict(inputs=[image], data_samples=[sample]))

mmseg.utils.register_all_modules()
from mmseg.registry import MODELS as SEGMENTERS
segmenter = SEGMENTERS.build(
    ConfigDict(fcn(data_preprocessor=dict(type="SegDataPreProcessor")))
).eval()
sample = SegDataSample(metainfo=dict(img_path="s.png", padding_size=[0] * 4, **size))
sample.gt_sem_seg = PixelData(data=torch.zeros(1, 64, 64, dtype=torch.long))
segmented = segmenter.test_step(dict(inputs=[image], data_samples=[sample]))
print(json.dumps({{
    "detected": report_samples(ctx, detected, ["dent", "scratch"], 0.0),
    "segmented": report_samples(ctx, segmented, ["wall", "road", "sky"]),
    "classes": segmented[0].pred_sem_seg.data.unique().tolist(),
}}))
"""


def test_instances_with_masks_and_semantic_segmentations(tmp_path: Path) -> None:
    done = subprocess.run(
        [openmmlab_python(), "-W", "ignore", "-c", SCRIPT],
        env={"DUBHE_TEMPORARY": str(tmp_path), "INSTANCE_ID": "m-a-forecast-1", "HOME": "/tmp"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    (image,) = found["detected"]
    predicted = [one for one in image["info"] if one["predict_code"]]
    assert predicted and {one["predict_code"] for one in predicted} <= {"dent", "scratch"}
    whole = [[0, 0], [64, 0], [64, 64], [0, 64]]
    assert all(one["position"] == whole for one in predicted), "masks that hold every pixel"
    (missed,) = (one for one in image["info"] if not one["predict_code"])
    assert missed["ground_true"] == "scratch"
    assert missed["position"] == [[1, 2], [3, 2], [3, 4], [1, 4]]
    (image,) = found["segmented"]
    codes = [one["predict_code"] for one in image["info"] if one["predict_code"]]
    assert codes == [["wall", "road", "sky"][number] for number in found["classes"]]
    assert all(0 < one["conf"] < 1 for one in image["info"] if one["predict_code"])
    assert any(one["ground_true"] == "wall" for one in image["info"])
