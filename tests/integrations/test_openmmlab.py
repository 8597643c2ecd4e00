"""Models of MMDetection and MMSegmentation give results: their own data samples are reported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.integrations.openmmlab_environment import openmmlab_python
from tests.integrations.support import marks

pytestmark = marks

SCRIPT = """
import json, sys, types

class Operators(types.ModuleType):
    # What mmcv has compiled for each PyTorch and GPU; mmcv-lite lacks it. torchvision has NMS too.
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return nms if name == "nms" else None

def nms(boxes, scores, iou_threshold, offset):
    return torchvision.ops.nms(boxes, scores, iou_threshold)

sys.modules["mmcv._ext"] = Operators("mmcv._ext")

import mmdet.models, mmseg.models, numpy, torch, torchvision
import dubhe_sdk
from dubhe_sdk.integrations.mmengine import report_samples
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData, PixelData
from mmseg.models import EncoderDecoder
from mmseg.structures import SegDataSample

torch.manual_seed(0)
torch.set_num_threads(1)
ctx = dubhe_sdk.Context({})
norm = dict(type="BN")
size = dict(img_shape=(64, 64), ori_shape=(64, 64))

mmdet.utils.register_all_modules()
detector = MODELS.build(ConfigDict(
    type="RTMDet", data_preprocessor=dict(type="DetDataPreprocessor"),
    backbone=dict(type="CSPNeXt", deepen_factor=0.167, widen_factor=0.125, norm_cfg=norm),
    neck=dict(
        type="CSPNeXtPAFPN", in_channels=[32, 64, 128], out_channels=16, num_csp_blocks=1,
        norm_cfg=norm,
    ),
    bbox_head=dict(
        type="RTMDetInsSepBNHead", num_classes=2, in_channels=16, feat_channels=16,
        stacked_convs=1, share_conv=True, norm_cfg=norm,
        anchor_generator=dict(type="MlvlPointGenerator", offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type="DistancePointBBoxCoder"), loss_mask=dict(type="DiceLoss"),
        loss_cls=dict(type="QualityFocalLoss", use_sigmoid=True), loss_bbox=dict(type="GIoULoss"),
    ),
    test_cfg=dict(
        nms_pre=100, min_bbox_size=0, score_thr=0.0, nms=dict(type="nms", iou_threshold=0.6),
        max_per_img=5, mask_thr_binary=0.0,
    ),
)).eval()
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
segmenter = EncoderDecoder(
    backbone=dict(type="ResNet", depth=18, base_channels=8, norm_cfg=norm),
    decode_head=dict(
        type="FCNHead", in_channels=64, channels=8, num_convs=1, concat_input=False, in_index=3,
        num_classes=3, norm_cfg=norm, loss_decode=dict(type="CrossEntropyLoss"),
        align_corners=False,
    ),
    data_preprocessor=dict(type="SegDataPreProcessor"), train_cfg=dict(),
    test_cfg=ConfigDict(mode="whole"),
).eval()
sample = SegDataSample(metainfo=dict(img_path="s.png", padding_size=[0] * 4, **size))
sample.gt_sem_seg = PixelData(data=torch.zeros(1, 64, 64, dtype=torch.long))
segmented = segmenter.test_step(dict(inputs=[image], data_samples=[sample]))
print(json.dumps({
    "detected": report_samples(ctx, detected, ["dent", "scratch"], 0.0),
    "segmented": report_samples(ctx, segmented, ["wall", "road", "sky"]),
    "classes": segmented[0].pred_sem_seg.data.unique().tolist(),
}))
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
