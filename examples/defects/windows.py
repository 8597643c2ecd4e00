"""Square windows of several sizes all over an image: what the detector looks at."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

CELLS = 12  # a window is reduced to 12 x 12 cells
PLACE = 3  # … and these to 4 x 4 places of 3 x 3 cells
DIRECTIONS = 8  # of an edge
SIDES = (28, 35, 44, 55, 68)  # of the windows, in pixels
BORDER = 3  # cells by which windows reach beyond the image, for digits at its edge
QUIET = 0.02  # contrast below which a window looks even: its noise is not blown up

FILLED = 0.7  # of a window's side: the longer side of a digit that fits
FIT_AWAY, FIT_SCALE = 0.12, 1.2  # how far from its centre, in sides; how much larger or smaller
CLOSE_AWAY, CLOSE_SCALE = 0.25, 1.7  # beyond these it is a window of background


@dataclass(frozen=True)
class Windows:
    """n windows of an image.

    Attributes:
        values: n x 128, what they show; brightness and contrast do not matter.
        frames: n rows (centre x, centre y, side) in pixels.
    """

    values: np.ndarray
    frames: np.ndarray


def windows_of(image: np.ndarray) -> Windows:
    """Return all windows of an image, one cell apart.

    Args:
        image: grey values from 0 to 1, height x width.
    """
    levels = [windows_of_side(image, side) for side in SIDES]
    values = np.concatenate([level.values for level in levels])
    return Windows(values, np.concatenate([level.frames for level in levels]))


def windows_of_side(image: np.ndarray, side: int) -> Windows:
    """Return all windows of one size."""
    height, width = (max(CELLS, round(length * CELLS / side)) for length in image.shape)
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
    values = edges(np.pad(np.asarray(small), BORDER, mode="edge"))
    rows, columns = values.shape[:2]
    values = values.reshape(rows * columns, -1)
    values = values / (np.sqrt((values**2).mean(axis=1, keepdims=True)) + QUIET)
    x = (np.arange(columns) - BORDER + CELLS / 2) * image.shape[1] / width
    y = (np.arange(rows) - BORDER + CELLS / 2) * image.shape[0] / height
    frames = np.stack([*np.meshgrid(x, y), np.full((rows, columns), side)], axis=-1)
    return Windows(values, frames.reshape(-1, 3).astype(np.float32))


def edges(cells: np.ndarray) -> np.ndarray:
    """Return how strong the edges in each window are, by direction and place.

    This is a histogram of oriented gradients: rows x columns x directions x 4 x 4.
    """
    down, right = np.gradient(cells)
    angle = np.arctan2(down, right) / (2 * np.pi) * DIRECTIONS % DIRECTIONS
    away = np.abs(angle - np.arange(DIRECTIONS)[:, None, None])
    share = (1 - np.minimum(away, DIRECTIONS - away)).clip(min=0)
    strength = (np.hypot(down, right) * share).astype(np.float32)
    for axis in (1, 2):  # sums over 3 x 3 cells
        strength = np.lib.stride_tricks.sliding_window_view(strength, PLACE, axis).sum(axis=-1)
    span = CELLS - PLACE + 1
    places = np.lib.stride_tricks.sliding_window_view(strength, (span, span), axis=(1, 2))
    return np.sqrt(np.moveaxis(places[..., ::PLACE, ::PLACE], 0, 2))


def assign(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each window the index of the box that fits it, -1: background, -2: neither."""
    found = np.full(len(frames), -1)
    side = frames[:, 2]
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        away = np.abs(frames[:, :2] - [(x1 + x2) / 2, (y1 + y2) / 2]).max(axis=1) / side
        scale = np.abs(np.log(max(x2 - x1, y2 - y1) / FILLED / side))
        fits = (away <= FIT_AWAY) & (scale <= np.log(FIT_SCALE))
        close = (away <= CLOSE_AWAY) & (scale <= np.log(CLOSE_SCALE))
        found[close & (found < 0)] = -2
        found[fits] = index
    return found


def to_relative(boxes: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return boxes as their windows see them: corners from the centre, in sides."""
    return (boxes - frames[:, [0, 1, 0, 1]]) / frames[:, 2:]


def to_pixels(relative: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Undo `to_relative`."""
    return relative * frames[:, 2:] + frames[:, [0, 1, 0, 1]]
