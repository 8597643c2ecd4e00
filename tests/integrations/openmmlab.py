"""What comes before a program that imports MMDetection, MMSegmentation or MMPretrain."""

from __future__ import annotations

PREPARED = """
import importlib.machinery, sys, types

import importlib_metadata, torch, torchvision

class Operators(types.ModuleType):
    # What mmcv has compiled for each PyTorch and GPU; mmcv-lite lacks it. torchvision has NMS too.
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return nms if name == "nms" else None

def nms(boxes, scores, iou_threshold, offset):
    return torchvision.ops.nms(boxes, scores, iou_threshold)

sys.modules["mmcv._ext"] = Operators("mmcv._ext")
sys.modules["mmcv._ext"].__spec__ = importlib.machinery.ModuleSpec("mmcv._ext", None)

distribution = importlib_metadata.distribution

def distribution_without_transformers(name):
    # MMPretrain imports what it has for Transformers where that is installed, and fails with 5.
    if name == "transformers":
        raise importlib_metadata.PackageNotFoundError(name)
    return distribution(name)

importlib_metadata.distribution = distribution_without_transformers
"""
DETECTOR = """
NORM = dict(type="BN")

def rtmdet(head, **loss):
    # Small enough for a processor; `head` is of boxes alone, or of masks too.
    return dict(
        type="RTMDet", data_preprocessor=dict(type="DetDataPreprocessor", pad_size_divisor=32),
        backbone=dict(type="CSPNeXt", deepen_factor=0.167, widen_factor=0.125, norm_cfg=NORM),
        neck=dict(
            type="CSPNeXtPAFPN", in_channels=[32, 64, 128], out_channels=16, num_csp_blocks=1,
            norm_cfg=NORM,
        ),
        bbox_head=dict(
            type=head, num_classes=2, in_channels=16, feat_channels=16,
            stacked_convs=1, share_conv=True, norm_cfg=NORM,
            anchor_generator=dict(type="MlvlPointGenerator", offset=0, strides=[8, 16, 32]),
            bbox_coder=dict(type="DistancePointBBoxCoder"),
            loss_cls=dict(type="QualityFocalLoss", use_sigmoid=True),
            loss_bbox=dict(type="GIoULoss"), **loss,
        ),
        train_cfg=dict(
            assigner=dict(type="DynamicSoftLabelAssigner", topk=4), allowed_border=-1,
            pos_weight=-1, debug=False,
        ),
        test_cfg=dict(
            nms_pre=100, min_bbox_size=0, score_thr=0.0, nms=dict(type="nms", iou_threshold=0.6),
            max_per_img=5, mask_thr_binary=0.0,
        ),
    )
"""
SEGMENTER = """
def fcn(**more):
    return dict(
        type="EncoderDecoder",
        backbone=dict(type="ResNet", depth=18, base_channels=8, norm_cfg=NORM),
        decode_head=dict(
            type="FCNHead", in_channels=64, channels=8, num_convs=1, concat_input=False, in_index=3,
            num_classes=3, norm_cfg=NORM, loss_decode=dict(type="CrossEntropyLoss"),
            align_corners=False,
        ),
        train_cfg=dict(), test_cfg=dict(mode="whole"), **more,
    )
"""
