"""What is really drawn over an image in the lightbox."""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import Page

from tests.page.platform import IMAGE_COLOUR, IMAGE_SIZE

Colour = tuple[int, int, int]
NEAR = 40  # of 255, per channel: strokes have soft edges
BESIDE = 1  # px in which a stroke's middle may be rounded away


class Shot:
    """The picture of the lightbox as it is on the screen, asked by the image's own pixels."""

    def __init__(self, page: Page) -> None:
        content = page.locator(".lightbox .picture").screenshot()
        self._shot = Image.open(io.BytesIO(content)).convert("RGB")
        width, height = IMAGE_SIZE
        self.scale = min(self._shot.width / width, self._shot.height / height)
        self._left = (self._shot.width - width * self.scale) / 2
        self._top = (self._shot.height - height * self.scale) / 2

    def shows(self, x: float, y: float, colour: Colour) -> bool:
        """Return whether a stroke of that colour goes through a point."""
        steps = range(-BESIDE, BESIDE + 1)
        return any(is_near(self._at(x, y, dx, dy), colour) for dx in steps for dy in steps)

    def is_bare(self, x: float, y: float) -> bool:
        """Return whether nothing is drawn over a point."""
        return is_near(self._at(x, y), IMAGE_COLOUR)

    def _at(self, x: float, y: float, dx: int = 0, dy: int = 0) -> Colour:
        place = (round(self._left + x * self.scale) + dx, round(self._top + y * self.scale) + dy)
        pixel = self._shot.getpixel(place)
        assert isinstance(pixel, tuple)
        return pixel[0], pixel[1], pixel[2]


def is_near(pixel: Colour, colour: Colour) -> bool:
    """Return whether two colours look the same."""
    return all(abs(a - b) <= NEAR for a, b in zip(pixel, colour, strict=True))


def stroke_of(page: Page, selector: str) -> Colour:
    """Return the colour of an element's stroke."""
    text = page.locator(selector).first.evaluate("e => getComputedStyle(e).stroke")
    red, green, blue = text[text.index("(") + 1 : -1].split(",")[:3]
    return int(red), int(green), int(blue)
