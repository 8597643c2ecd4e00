"""What MMEngine trains and measures. Nothing here knows the platform."""

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import nn

SCALING = {"type": "ImgDataPreprocessor", "mean": [127.5], "std": [127.5]}


class Network(BaseModel):
    """Grey images of 32 x 32 pixels in, one score per class out."""

    def __init__(self, classes: int, data_preprocessor=SCALING):
        super().__init__(data_preprocessor)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * 6 * 6, classes),
        )  # fmt: skip

    def forward(self, inputs, data_samples, mode):
        """Return the loss, or the samples with what was found."""
        scores = self.layers(inputs)
        if mode == "loss":
            labels = torch.stack([sample.gt_label for sample in data_samples])
            return {"loss": nn.functional.cross_entropy(scores, labels.to(scores.device))}
        for sample, shares in zip(data_samples, scores.softmax(1), strict=True):
            sample.pred_score, sample.pred_label = shares, shares.argmax()
        return data_samples


class Accuracy(BaseMetric):
    """The share of the images whose class was found."""

    def process(self, data_batch, data_samples):
        """Take a batch."""
        self.results += [int(one["pred_label"]) == int(one["gt_label"]) for one in data_samples]

    def compute_metrics(self, results):
        """Return the share."""
        return {"accuracy": sum(results) / len(results)}
