"""What lies behind a garment: the studio's paper, or a street's walls, pavement, planks, leaves and blur."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from weft.demo.camera import grid
from weft.demo.noise import patch, tile

_PAPER = ((244, 243, 240), (232, 233, 236), (240, 234, 226), (228, 236, 238), (241, 230, 230), (230, 234, 224))


def backdrop(world: str, size: int, numbers: np.random.Generator) -> np.ndarray:
    """(3, size, size) float32 sRGB in [0, 255], before light."""
    if world != "street":
        return paper(size, numbers)
    return _STREET[int(numbers.integers(len(_STREET)))](size, numbers)


def paper(size: int, numbers: np.random.Generator) -> np.ndarray:
    """A light roll of paper, now and then with the soft line where wall becomes floor."""
    x, y = grid(size)
    tint = np.array(_PAPER[int(numbers.integers(len(_PAPER)))], dtype=np.float32) + numbers.uniform(-4, 4, 3)
    glow = 1.03 - 0.09 * ((x - 0.5) ** 2 + (y - numbers.uniform(0.25, 0.55)) ** 2)
    if numbers.random() < 0.35:
        glow = glow - 0.045 * np.clip((y - numbers.uniform(0.72, 0.86)) * 9 + 0.5, 0, 1)
    return _shaded(glow, tint)


def _shaded(shade: np.ndarray, colour) -> np.ndarray:
    return shade * np.asarray(colour, dtype=np.float32)[:, None, None]


def _bricks(size: int, numbers: np.random.Generator) -> np.ndarray:
    x, y = grid(size)
    across = numbers.uniform(3.5, 7)
    row = y * across * 2.1 + numbers.random()
    course = np.floor(row)
    column = x * across + 0.5 * (course % 2) + numbers.random()
    mortar = np.minimum(np.abs(column - np.rint(column)) * 2.1, np.abs(row - np.rint(row)))
    stone = np.clip((mortar - 0.05) * 16, 0, 1)
    tone = np.sin(np.floor(column) * 12.9 + course * 78.2) * 0.14
    colour = ((150, 84, 66), (176, 160, 140), (120, 110, 108), (206, 200, 192))[int(numbers.integers(4))]
    rough = 0.86 + 0.28 * patch(tile(4), size, *numbers.random(2))
    wall = _shaded((1 + tone) * rough, colour)
    return wall + (1 - stone) * (np.float32(numbers.uniform(110, 190)) - wall)


def _pavement(size: int, numbers: np.random.Generator) -> np.ndarray:
    u, v = grid(size)
    slabs = numbers.uniform(1.6, 3.4)
    angle = numbers.uniform(-0.5, 0.5)
    x, y = slabs * (u + angle * v) + numbers.random(), slabs * (v - angle * u) + numbers.random()
    joint = np.minimum(np.abs(x - np.rint(x)), np.abs(y - np.rint(y)))
    stone = 0.62 + 0.38 * np.clip(joint * 26 / slabs, 0, 1)
    speckle = 0.74 + 0.3 * patch(tile(2), size, *numbers.random(2)) + 0.2 * patch(tile(30), size, *numbers.random(2))
    grey = numbers.uniform(90, 170)
    return _shaded(stone * speckle, (grey, grey * 0.99, grey * 0.96))


def _planks(size: int, numbers: np.random.Generator) -> np.ndarray:
    x, y = grid(size)
    if numbers.random() < 0.5:
        x, y = y, x
    row = y * numbers.uniform(4, 7) + numbers.random()
    board = np.floor(row)
    streak = patch(tile(7), size, *numbers.random(2))
    grain = 0.5 + 0.5 * np.sin(40 * row + 9 * streak + 4 * x)
    gap = np.clip(np.abs(row - np.rint(row)) * 22, 0.35, 1)
    colour = ((166, 122, 80), (116, 84, 60), (188, 178, 162), (92, 104, 108))[int(numbers.integers(4))]
    return _shaded(gap * (0.84 + 0.1 * grain + 0.1 * np.sin(board * 7.7) + 0.1 * streak), colour)


def _leaves(size: int, numbers: np.random.Generator) -> np.ndarray:
    half = size // 2 + 1
    image = Image.new("RGB", (half, half), (34, 52, 30))
    pen = ImageDraw.Draw(image)
    places, tones = numbers.uniform(-0.1, 1.1, (90, 2)) * half, numbers.uniform(0.35, 1.15, 90)
    sizes = numbers.uniform(0.03, 0.1, (90, 2)) * half
    for (x, y), (a, b), tone in zip(places.tolist(), sizes.tolist(), tones.tolist(), strict=True):
        pen.ellipse((x - a, y - b, x + a, y + b), fill=(int(74 * tone + 14), int(124 * tone + 16), int(54 * tone)))
    return _enlarged(image.filter(ImageFilter.BoxBlur(numbers.uniform(0.4, 2.0))), size)


def _blurred(size: int, numbers: np.random.Generator) -> np.ndarray:
    """A busy place, out of focus: people, shop windows, cars."""
    half = size // 2 + 1
    image = Image.new("RGB", (half, half), tuple((numbers.integers(80, 200) + numbers.integers(-20, 20, 3)).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = (numbers.random(2) * half).tolist()
        a, b = (numbers.uniform(0.05, 0.28, 2) * half).tolist()
        grey, tint = numbers.uniform(50, 220), numbers.uniform(-32, 32, 3)
        draw = pen.rectangle if numbers.random() < 0.6 else pen.ellipse
        draw((x - a, y - b, x + a, y + b), fill=tuple(np.clip(grey + tint, 0, 255).astype(int).tolist()))
    return _enlarged(image.filter(ImageFilter.BoxBlur(numbers.uniform(1.5, 4))), size)


def _enlarged(image: Image.Image, size: int) -> np.ndarray:
    large = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    return large.transpose(2, 0, 1).astype(np.float32, order="C")


def _plaster(size: int, numbers: np.random.Generator) -> np.ndarray:
    """A stained wall with a painted base."""
    _, y = grid(size)
    stain = 0.72 + 0.2 * patch(tile(40), size, *numbers.random(2)) + 0.16 * patch(tile(3), size, *numbers.random(2))
    upper = numbers.uniform(100, 225) + numbers.uniform(-30, 30, 3)
    lower = 0.75 * upper + numbers.uniform(-25, 15, 3)
    base = np.clip((y - numbers.uniform(0.5, 1.2)) * 60, 0, 1)
    return _shaded(stain * (1 - base), upper) + _shaded(stain * base, lower)


_STREET = (_bricks, _pavement, _planks, _leaves, _blurred, _plaster)
