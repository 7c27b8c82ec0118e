"""Small galleries as their owners would have them: a table with a folder of pictures."""

import csv
from pathlib import Path

import numpy as np

import tiny

COLUMNS = ("id", "image", "title", "brand", "category", "colour")


def picture(number: int) -> bytes:
    return tiny.jpeg(tiny.pictures(1, seed=1000 + number)[0])


def table(folder: Path, products: dict[str, list[int]], titles: dict[str, str] | None = None) -> str:
    """`shop.csv`: id -> numbers of its pictures; brand, category and colour go round."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "shop.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(COLUMNS)
        for place, (name, numbers) in enumerate(products.items()):
            for number in numbers:
                (folder / f"{number}.jpg").write_bytes(picture(number))
            files = "|".join(f"{number}.jpg" for number in numbers)
            kind, colour = tiny.KINDS[place % 3], tiny.COLOURS[place % 4]
            title = (titles or {}).get(name, f"{colour} {kind} {name}")
            rows.writerow([name, files, title, f"b{place % 2}", kind, f'["{colour}", "c{place % 5}"]'])
    return str(folder / "shop.csv")


def shop(count: int, views: int = 2) -> dict[str, list[int]]:
    """`count` products; every third has `views` pictures."""
    numbers = iter(range(10 * count))
    return {f"p{n}": [next(numbers) for _ in range(views if n % 3 == 0 else 1)] for n in range(count)}


def unit(random: np.random.Generator, rows: int, dim: int = 32) -> np.ndarray:
    vectors = random.normal(size=(rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
