"""What goes wrong in catalogues, drawn: empty studios, notices in place of pictures, size charts, foreign words."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INKS = ((20, 20, 20), (60, 60, 70), (30, 40, 90))
HEADS = ("SIZE", "UK", "EU", "US", "CHEST", "WAIST", "HIPS", "LENGTH")
SIZES = ("XS", "S", "M", "L", "XL", "2XL", "3XL", "4XL", "5XL", "6XL", "7XL", "8XL")
FOREIGN = {
    "de": "Das Kleid mit langen Ärmeln und Rundhals ist aus Baumwolle",
    "fr": "Robe longue à manches courtes pour femme avec une ceinture",
    "es": "Vestido de algodón con mangas largas para mujer y cuello redondo",
    "it": "Abito lungo da donna con maniche corte in cotone e collo tondo",
    "nl": "Lange jurk voor dames met korte mouwen van katoen en een riem",
    "pl": "Długa sukienka z krótkim rękawem dla kobiet oraz pasek z bawełny",
    "ru": "Длинное платье из хлопка",
    "ja": "長袖のコットンドレス",
}


def coded(image: Image.Image, quality: int = 85) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def empty(random: np.random.Generator, size: int = 160) -> Image.Image:
    """A studio in which nothing stands: paper of any tone, lit from somewhere, with the camera's noise."""
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    far = (x - random.uniform(-1, 1)) ** 2 + (y - random.uniform(-1, 1)) ** 2
    light = random.uniform(60, 250) - random.uniform(0, 12) * far
    noise = random.normal(0, random.uniform(0, 4), (size, size, 3))
    return Image.fromarray((light[..., None] + random.uniform(-6, 6, 3) + noise).clip(0, 255).astype(np.uint8))


def notice(random: np.random.Generator, size: int = 160) -> Image.Image:
    """The shop's "no picture yet", a little different at every upload."""
    side = round(size * random.uniform(0.9, 1.1))
    image = Image.new("RGB", (side, side), (228, 228, 228))
    pen = ImageDraw.Draw(image)
    pen.rectangle((side * 0.3, side * 0.3, side * 0.7, side * 0.6), outline=(150, 150, 150), width=max(1, side // 40))
    pen.ellipse((side * 0.42, side * 0.37, side * 0.58, side * 0.53), fill=(150, 150, 150))
    font = ImageFont.load_default(side / 11)
    pen.text((side / 2, side * 0.75), "PHOTO COMING SOON", (120, 120, 120), font, anchor="mm")
    return image


def chart(random: np.random.Generator, width: int | None = None) -> Image.Image:
    """A table of sizes: any shape, with or without rules, bands, a heading and a coloured top row."""
    width = width or int(random.integers(240, 900))
    rows, columns = int(random.integers(4, 13)), int(random.integers(3, 9))
    height = round(width * random.uniform(0.6, 1.3))
    dark = random.random() < 0.1
    paper, ink = ((30, 30, 34), (235, 235, 235)) if dark else ((255, 255, 255), INKS[int(random.integers(3))])
    image = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(image)
    left, top = width * random.uniform(0.02, 0.1), height * random.uniform(0.03, 0.2)
    across, down = (width - 2 * left) / columns, (height * 0.97 - top) / rows
    letters = min(down * random.uniform(0.4, 0.65), across / 4.2)
    font = ImageFont.load_default(letters)
    if top > 0.1 * height and random.random() < 0.7:
        title = ImageFont.load_default(min(top * 0.5, width / 12))
        pen.text((width / 2, top / 2), "SIZE CHART (CM)", ink, title, anchor="mm")
    ruled, banded, headed = random.random(3) < (0.5, 0.3, 0.4)
    for row in range(rows):
        y = top + row * down
        if banded and row % 2:
            pen.rectangle((left, y, width - left, y + down), fill=tuple(int(c * 0.93 + 8) for c in paper))
        if headed and not row:
            pen.rectangle((left, y, width - left, y + down), fill=(60, 90, 140))
        for column in range(columns):
            first = SIZES[row - 1] if row else HEADS[0]
            word = HEADS[column] if not row else f"{random.integers(28, 120)}"
            colour = (255, 255, 255) if headed and not row else ink
            place = (left + (column + 0.5) * across, y + down / 2)
            pen.text(place, first if not column else word, colour, font, anchor="mm")
    if ruled:
        for row in range(rows + 1):
            pen.line((left, top + row * down, width - left, top + row * down), fill=ink)
        for column in range(columns + 1):
            pen.line((left + column * across, top, left + column * across, top + rows * down), fill=ink)
    return image
