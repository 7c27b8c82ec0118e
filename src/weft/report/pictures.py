"""Pictures small enough to live inside the page."""

import base64
from collections.abc import Callable

from weft.catalogue.images import decode, jpeg
from weft.errors import WeftError
from weft.report.html import Html, clean, tag

SIDE = 160
"""The longest side of an inlined picture, in pixels."""


class Thumbnails:
    """Picture ids as `<img>` elements with the JPEG inside. What cannot be had or decoded becomes a grey tile."""

    def __init__(self, image: Callable[[str], bytes]):
        self.image = image
        self.made: dict[str, tuple[str, int, int] | None] = {}

    def __call__(self, image_id: str, alt: str) -> Html:
        if image_id not in self.made:
            self.made[image_id] = self._make(image_id)
        found = self.made[image_id]
        alt = clean(alt, 120)
        if found is None:
            return tag("span", "no picture", class_="lost", role="img", aria_label=f"{alt} (picture unavailable)")
        source, width, height = found
        return tag("img", src=source, width=width, height=height, alt=alt, decoding="async")

    def _make(self, image_id: str) -> tuple[str, int, int] | None:
        found = thumbnail(self.image, image_id, SIDE, quality=82)
        return found and (f"data:image/jpeg;base64,{found[0]}", *found[1:])


def thumbnail(image: Callable[[str], bytes], image_id: str, side: int, quality: int) -> tuple[str, int, int] | None:
    """A picture as a base64 JPEG whose longest side is at most `side`, width and height; None if it cannot be had."""
    try:
        picture = decode(image(image_id))
    except (WeftError, OSError, LookupError, ValueError):
        return None
    coded = jpeg(picture, side, quality)
    return base64.b64encode(coded).decode(), *picture.size
