"""What a gallery is read from: a `curate` folder, a recipe's sources, a table, `demo:`, or a folder of pictures."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow.parquet as pq

from weft.catalogue.collection import Collection
from weft.catalogue.images import ImageError, verify
from weft.catalogue.sources import READERS, Columns, SourceSpec, open_source
from weft.catalogue.sources.rows import MAX_BYTES, item_name
from weft.errors import WeftError
from weft.pairs.queries import Writer, randomness
from weft.recipe import Pairs, load
from weft.schema import Product, Skipped

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2"}
FIELDS = tuple(field.name for field in fields(Columns) if field.name not in ("attributes", "texts"))
EXAMPLES = 200
"""At most so many example queries are kept for the page."""


@dataclass(frozen=True)
class Example:
    """One product's query in both forms, to be tried on the page."""

    product_id: str
    short: str
    long: str


def read_gallery(
    place: str, columns: Sequence[str] = (), pictures: str = "", changes: Sequence[str] = ()
) -> Iterator[Product | Skipped]:
    """Every product of a gallery with its pictures' bytes, each id once, and what cannot be used with its reason.

    Args:
        place: a finished `curate` folder; a recipe (its `[[sources]]`); a Parquet, CSV or JSON Lines table, a
            folder or glob of them; `hf:` or `demo:`; or a folder of nothing but pictures.
        columns: of a table, "NAME=COLUMN": a field (id, image, title, ...), any other NAME is an attribute. Fields
            whose columns have the fields' own names need none.
        pictures: of a table, the folder that its image paths are relative to.
        changes: of a recipe, "KEY=VALUE" as `--set` takes it.

    Raises:
        WeftError: nothing is there, or it cannot be read.
    """
    seen: set[str] = set()
    for item in _items(place, columns, pictures, changes):
        if isinstance(item, Product) and item.id in seen:
            yield Skipped(place, item_name(item.id), "duplicate id")
            continue
        if isinstance(item, Product):
            seen.add(item.id)
        yield item


def _items(place: str, columns: Sequence[str], pictures: str, changes: Sequence[str]) -> Iterator[Product | Skipped]:
    folder = Path(place).expanduser()
    if place.endswith(".toml"):
        for spec in load(folder, changes).sources:
            yield from open_source(spec, wordless=True)
    elif (folder / "products.parquet").exists() and (folder / "images.arrow").exists():
        yield from _curated(Collection(folder))
    elif folder.is_dir() and not any(file.suffix.lower() in READERS for file in folder.rglob("*")):
        yield from _pictures(folder)
    elif place.startswith("demo:"):
        yield from open_source(SourceSpec(path=place))
    else:
        spec = SourceSpec(path=place, image_folder=pictures, columns=_columns(place, columns))
        yield from open_source(spec, wordless=True)


def _curated(collection: Collection) -> Iterator[Product]:
    for product, rows in zip(collection.products, collection.image_rows, strict=True):
        yield replace(product, images=tuple(map(collection.image, rows)))


def _pictures(folder: Path) -> Iterator[Product | Skipped]:
    """Each file a product: its path is the id, its name in words the title, the folder that holds it the category."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    if not files:
        raise WeftError(f"{folder} holds neither a table ({', '.join(READERS)}) nor pictures ({', '.join(PICTURES)})")
    for file in files:
        name = file.relative_to(folder)
        try:
            if not file.resolve().is_relative_to(folder.resolve()) or file.stat().st_size > MAX_BYTES:
                raise ImageError(f"a link that leads out of the folder, or more than {MAX_BYTES >> 20} MB")
            data = file.read_bytes()
            verify(data)
        except (ImageError, OSError) as error:
            yield Skipped(str(folder), item_name(str(name)), str(error))
            continue
        title = " ".join(re.sub(r"[\W_]+", " ", file.stem).split())
        category = name.parent.name.lower() if name.parent != Path() else ""
        yield Product(id=name.as_posix(), images=(data,), title=title, category=category)


def _columns(place: str, told: Sequence[str]) -> Columns:
    """Raises `WeftError` for what is not NAME=COLUMN; a field whose column has its own name need not be told."""
    pairs = dict(_pair(word) for word in told)
    known = {name: pairs.pop(name) for name in FIELDS if name in pairs}
    if "image" not in known or "title" not in known or "id" not in known:
        there = _header(place)
        known |= {name: name for name in FIELDS if name not in known and name in there}
    return Columns(**known, attributes={name.lower(): column for name, column in pairs.items()})


def _pair(word: str) -> tuple[str, str]:
    name, sign, column = word.partition("=")
    if not (name and sign and column):
        raise WeftError(f"--column {word!r}: say NAME=COLUMN; NAME is {', '.join(FIELDS)} or an attribute's name")
    return name, column


def _header(place: str) -> set[str]:
    from weft.catalogue.sources import open_table

    return set(open_table(SourceSpec(path=place))[1].columns)


def examples(place: str, products: Iterable[Product]) -> list[Example]:
    """Queries to try: a curated folder's own test queries, each in its short and its long form; of other galleries,
    what Weft's deterministic writer says of these products, where they have attributes."""
    path = Path(place).expanduser() / "queries.parquet"
    if path.exists():
        forms: dict[str, dict[str, str]] = {}
        for query in pq.read_table(path, columns=["task", "split", "source", "text"]).to_pylist():
            form = query["task"].rpartition("/")[2]
            if query["split"] == "test" and query["source"] and form in ("short", "long"):
                forms.setdefault(query["source"], {})[form] = query["text"]
        both = [Example(product, **found) for product, found in forms.items() if len(found) == 2]
        return sorted(both, key=lambda one: one.product_id)[:EXAMPLES]
    writer = Writer(Pairs())
    told = []
    for product in products:
        if product.attributes:
            short = writer.short(product, randomness("example", product.id)).text
            told.append(Example(product.id, short, writer.long(product).text))
    return told[:EXAMPLES]
