"""From a garment to its photograph: sketch, cloth, backdrop and light put together."""

import io
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from weft.demo import emblem
from weft.demo.backdrop import backdrop
from weft.demo.camera import Light, Pose, light, pose, quality
from weft.demo.fabric import cloth, tones
from weft.demo.garments import OUTLINES
from weft.demo.garments.form import form
from weft.demo.garments.sketch import Sketch
from weft.demo.world import Garment, random

FULL = 170  # the level that stands for shade 1 in the raster, so that up to 1.5 fits
OVER = 2  # supersampling of outlines; textures are smooth by themselves


def draw(garment: Garment, view: int = 0, size: int = 160) -> Image.Image:
    """The garment's picture, `size` pixels square, RGB. `view` > 0 gives further photographs of it.

    A relisted product shows the photograph of the original.
    """
    cut = random(garment.world, garment.seed, garment.design, "cut")
    sketch = Sketch()
    OUTLINES[garment.kind](sketch, form(garment.attributes, cut))
    wobble = cut.random(6).astype(np.float32)
    truth = garment.attributes
    palette = tones(truth["colour"], truth["pattern"], cut)

    photo = random(garment.world, garment.seed, garment.photo, "photo", view)
    spread = np.concatenate([stroke[0] for stroke in (*sketch.cloth, *sketch.paint)])
    here = pose(spread.min(0), spread.max(0), garment.world, view, size, photo)
    lit = light(garment.world, size, photo)
    behind = backdrop(garment.world, size, photo)

    cover, over = _rasterised(sketch, truth["brand"], here, size)
    u, v = here.coordinates(size)
    pixels = float(np.sqrt(abs(np.linalg.det(here.matrix))))
    colour, relief, shine = cloth(u, v, pixels, truth["pattern"], truth["material"], palette, wobble)
    return Image.fromarray(_composed(cover, over, behind, colour, relief, shine, palette[3], lit))


def jpeg(garment: Garment, view: int = 0, size: int = 160) -> bytes:
    """The picture as JPEG. A relisted product has the original's bytes, or those encoded once more."""
    coding = random(garment.world, garment.seed, garment.photo, "jpeg", view)
    first = _encoded(draw(garment, view, size), quality(garment.world, coding))
    if garment.relisted in ("", "same"):
        return first
    again = random(garment.world, garment.seed, garment.index, "jpeg", view)
    image = Image.open(io.BytesIO(first))
    if garment.relisted == "resized":
        side = max(1, round(size * again.uniform(0.86, 0.97)))
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    return _encoded(image, int(again.integers(60, 90)))


def _encoded(image: Image.Image, level: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=level)
    return file.getvalue()


def _rasterised(sketch: Sketch, brand: str, here: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The strokes as coverage.

    Returns:
        (3, H, W) float32: share of patterned cloth, share of trim, shade weighted by both.
        (4, H, W) float32: paint above the cloth, RGB in [0, 255] weighted by the opacity in [0, 1].
    """
    large, unit = (OVER * size, OVER * size), OVER * float(np.linalg.norm(here.matrix[:, 1]))
    labels = [(points, colour, 0.0) for points, colour in emblem.strokes(brand, *sketch.emblem)]
    paint = [*sketch.paint, *labels]
    lines = _placed([stroke[0] for stroke in (*sketch.cloth, *paint)], here)

    layer = Image.new("RGB", large)
    pen = ImageDraw.Draw(layer)
    for (_, patterned, shade, width), line in zip(sketch.cloth, lines, strict=False):
        share, level = (255, 0) if patterned else (0, 255), min(255, round(FULL * shade))
        rim = (*share, round(level * 0.62))
        if width:
            pen.line(line, fill=rim, width=round(width * unit) + 3, joint="curve")
            pen.line(line, fill=(*share, level), width=max(1, round(width * unit)), joint="curve")
        else:
            pen.polygon(line, fill=(*share, level))
            pen.line(line + line[:2], fill=rim, width=2)
    cover = np.asarray(layer.reduce(OVER)).transpose(2, 0, 1).astype(np.float32, order="C") / np.float32(255)

    layer = Image.new("CMYK", large)  # four plain channels: RGBA would be converted back and forth
    pen = ImageDraw.Draw(layer)
    for (_, (*rgb, alpha), width), line in zip(paint, lines[len(sketch.cloth) :], strict=True):
        fill = (*(channel * alpha // 255 for channel in rgb), alpha)
        if width:
            thick = max(1, round(width * unit))
            pen.line(line, fill=fill, width=thick, joint="curve" if thick > 6 else None)
        else:
            pen.polygon(line, fill=fill)
    over = np.asarray(layer.reduce(OVER)).transpose(2, 0, 1).astype(np.float32, order="C")
    over[3] /= 255
    return cover, over


def _placed(outlines: list[np.ndarray], here: Pose) -> list[list[float]]:
    """Each outline as x, y, x, y ... in pixels; all are moved at once because there are dozens."""
    flat = here.place(np.concatenate(outlines), OVER).ravel().tolist()
    ends = np.cumsum([0, *(2 * len(points) for points in outlines)]).tolist()
    return [flat[start:stop] for start, stop in pairwise(ends)]


def _composed(
    cover: np.ndarray,
    over: np.ndarray,
    behind: np.ndarray,
    colour: np.ndarray,
    relief: np.ndarray,
    shine: np.ndarray,
    trim: np.ndarray,
    lit: Light,
) -> np.ndarray:
    """(H, W, 3) uint8: backdrop, shadow, cloth, paint, then light over everything.

    Channels come first until the end: numpy is several times faster on whole planes. `behind` and
    `colour` are used up.
    """
    opaque = cover[0] + cover[1]
    whole = np.maximum(opaque, np.float32(1e-3))
    soft = _softened(np.maximum(opaque, over[3]))
    shade = cover[2] * np.float32(255 / FULL) / whole
    shade *= (0.76 + 0.3 * soft) * relief  # cloth turns away from the light towards its edge
    glint = 30 * (shade - 0.9) + 190 * shine * np.minimum(shade, 1)  # black cloth has relief too
    places = np.arange(len(opaque))
    right, down, strength = lit.shadow
    cast = soft[np.clip(places - down, 0, None)][:, np.clip(places - right, 0, None)]

    fabric, picture, trim = colour, behind, trim[:, None, None]  # in place: fresh memory costs more than sums
    fabric -= trim
    fabric *= cover[0] / whole
    fabric += trim
    fabric *= shade
    fabric += glint
    picture *= 1 - strength * cast
    fabric -= picture
    fabric *= opaque
    picture += fabric
    picture *= 1 - over[3]
    picture += over[:3]
    picture *= lit.field
    picture *= lit.white[:, None, None]
    picture += lit.grain
    np.clip(picture, 0, 255, out=picture)
    return np.stack(picture.astype(np.uint8), axis=-1)


def _softened(mask: np.ndarray) -> np.ndarray:
    """A mask blurred over about a tenth of the picture; computed small, because nobody can tell."""
    size = len(mask)
    image = Image.fromarray((mask * 255).astype(np.uint8)).resize((40, 40), Image.Resampling.BOX)
    image = image.filter(ImageFilter.BoxBlur(1.6)).filter(ImageFilter.BoxBlur(1.6))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32) / 255
