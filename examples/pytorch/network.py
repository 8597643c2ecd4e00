"""A small convolutional network, and the files it is kept in. Nothing here knows the platform."""

import torch
from torch import nn


class Network(nn.Module):
    """Grey images of 32 x 32 pixels in, one score per class out: (N, 1, 32, 32) → (N, classes).

    Args:
        classes: the names of the classes, in the order of the scores.
    """

    def __init__(self, classes: list[str]):
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 4 * 4, len(classes)),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores."""
        return self.layers(images)


def device() -> torch.device:
    """Return the first GPU, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def save(network: Network, path: str) -> None:
    """Write weights and classes."""
    torch.save({"classes": network.classes, "weights": network.state_dict()}, path)


def load(path: str) -> Network:
    """Read a network back, ready to predict."""
    kept = torch.load(path, map_location=device())
    network = Network(kept["classes"])
    network.load_state_dict(kept["weights"])
    return network.to(device()).eval()
