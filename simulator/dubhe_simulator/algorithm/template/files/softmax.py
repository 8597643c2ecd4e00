"""Softmax regression in plain Python: one weight per class and pixel, learned step by step."""

import math


class Softmax:
    """What it knows is its attributes: they are the model file.

    Args:
        codes: the names of the classes.
        weights: for each class one number per pixel.
        biases: one number per class.
    """

    def __init__(self, codes: list[str], weights: list[list[float]], biases: list[float]):
        self.codes, self.weights, self.biases = codes, weights, biases

    @classmethod
    def untrained(cls, codes: list[str], inputs: int) -> "Softmax":
        """Return one that takes every image for anything."""
        return cls(list(codes), [[0.0] * inputs for _ in codes], [0.0] * len(codes))

    def shares(self, image: list[float]) -> list[float]:
        """Return how likely each class is; together 1."""
        scores = [
            sum(weight * pixel for weight, pixel in zip(row, image, strict=True)) + bias
            for row, bias in zip(self.weights, self.biases, strict=True)
        ]
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        return [power / sum(powers) for power in powers]

    def best(self, image: list[float]) -> tuple[str, float]:
        """Return the most likely class and how likely it is."""
        confidence, code = max(zip(self.shares(image), self.codes, strict=True))
        return code, round(confidence, 4)

    def learn(self, images: list[tuple[list[float], str]], rate: float = 0.02) -> float:
        """Go through labelled images once; return the mean loss (cross entropy)."""
        loss = 0.0
        for image, code in images:
            shares = self.shares(image)
            truth = self.codes.index(code)
            loss -= math.log(max(shares[truth], 1e-12))
            for index, share in enumerate(shares):
                step = rate * ((index == truth) - share)
                row = self.weights[index]
                self.weights[index] = [
                    weight + step * pixel for weight, pixel in zip(row, image, strict=True)
                ]
                self.biases[index] += step
        return loss / len(images)
