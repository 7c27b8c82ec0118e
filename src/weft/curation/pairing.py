"""Which pairs a judge should grade for training: every text with its own product, and with what nearly answers it."""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import key_of
from weft.bm25 import BM25
from weft.catalogue.collection import Collection
from weft.catalogue.layout import ImageWriter
from weft.catalogue.sources import READERS
from weft.catalogue.sources.rows import require
from weft.catalogue.sources.text import clean
from weft.errors import WeftError
from weft.files import disk_error, write_json
from weft.judging.pool import FACTS, PAIRS, SYSTEMS, Pool, write_tables
from weft.pairs.queries import Query, facts, normal, randomness, statements
from weft.pairs.relevance import Index
from weft.pairs.writing import file_of
from weft.progress import progress

TASK = "training"
DEEP = 30
"""Results of BM25 among which near misses are looked for."""

Given = tuple[str, int, bool]
"""Query text, product row, whether the query was written for the product."""


def own_pairs(collection: Collection, written: Path) -> Iterator[tuple[Query, int]]:
    """Every training text of `written.parquet` with the row of its product.

    Raises:
        WeftError: there is no such file, it is damaged, or of another catalogue.
    """
    path = file_of(written)
    try:
        table = pq.read_table(path, columns=["product_id", "query_id", "text", "stated"])
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{path} is missing or damaged ({error}): run weft write first") from None
    for one in table.to_pylist():
        if not one["query_id"]:
            row = _training_row(collection, one["product_id"], str(path), "run weft write again")
            yield Query(one["text"], tuple(one["stated"])), row


def near_misses(collection: Collection, own: Sequence[tuple[Query, int]], count: int) -> Iterator[Given]:
    """Of each text the `count` training products that BM25 finds first (titles, categories, attributes), left out
    those that answer it by all that is known: of grade 3 by `weft.pairs.relevance`, which no grade has to tell apart.

    Found by words, because a product that shares most of a text's words is taken for an answer most easily. Where the
    base's own similarity finds others, name those pairs in a file.
    """
    rows = np.flatnonzero(collection.split == "train")
    products = [collection.products[row] for row in rows]
    ranker = BM25([f"{product.title} {_values(product)}" for product in products])
    index = Index([facts(product) for product in products], collection.group[rows])
    place = {int(row): number for number, row in enumerate(rows)}
    found: dict[str, list[int]] = {}  # equal texts of many products are looked for once
    for query, row in progress(own, "looking for near misses", total=len(own), unit="text"):
        judged, grades = index.grades(query, place[row])
        answers = set(judged[grades >= 3].tolist())
        if query.text not in found:
            found[query.text] = ranker.top_k([query.text], DEEP)[0][0].tolist()
        misses = [number for number in found[query.text] if number >= 0 and number not in answers]
        yield from ((query.text, int(rows[number]), False) for number in misses[:count])


def named_pairs(collection: Collection, path: Path) -> Iterator[Given]:
    """Pairs from a Parquet, CSV, TSV or JSON Lines table with the columns `query` and `product_id`.

    Cells are read as a catalogue's are, so that a product goes by the id that it has there: "007" stays what it is.

    Raises:
        WeftError: it cannot be read, lacks a column, or a row names no query, or no product that is trained on.
    """
    if path.suffix.lower() not in READERS:
        raise WeftError(f"{path} cannot be read as a table of pairs: its name must end in {', '.join(READERS)}")
    reader = importlib.import_module(f"weft.catalogue.sources.{READERS[path.suffix.lower()]}")
    columns = ["query", "product_id"]
    table = reader.read([path], columns, "")
    require(columns, table.columns, str(path))
    for number, row in enumerate(table.rows, start=1):
        if isinstance(row, str):
            raise WeftError(f"{path}: {row}; mend the row, or leave it out")
        text, product = (clean(row.get(name)) for name in columns)
        if not text:
            raise WeftError(f"{path}, row {number} has no query; write one, or leave the row out")
        yield text, _training_row(collection, product, f"{path}, row {number}", "leave the row out"), False


def _training_row(collection: Collection, product: str, where: str, instead: str) -> int:
    """The row of a product that is trained on. Raises `WeftError`, with what to do `instead`, for any other."""
    row = collection.row_of.get(product)
    if row is None:
        raise WeftError(f"{where} names product {product!r}, which is not in {collection.folder}: {instead}")
    if (split := collection.split[row]) != "train":
        raise WeftError(f"{where} names product {product!r}, which is not trained on but {split}: {instead}")
    return row


def write_pool(collection: Collection, pairs: Sequence[Given], folder: Path, asked: dict, seed: int) -> Pool:
    """Writes pairs as a pool, which `weft judge` and `weft annotate` take as well; each pair once, in an order that
    tells nothing. A pool is kept where the very same was written before.

    A text's id is made of its words: equal texts of several products are one query.
    """
    unique = {(query_id(text), row): text for text, row, _ in reversed(pairs)}
    keys = sorted(unique)
    keys = [keys[n] for n in randomness(seed, "grading order").permutation(len(keys))]
    picture = {row: int(collection.image_rows[row][0]) for _, row in keys if len(collection.image_rows[row])}
    shown = {row: collection.image_hashes[image] for row, image in picture.items()}
    columns = [
        (
            name,
            unique[name, row],
            "",
            collection.products[row].id,
            told(collection, row),
            shown.get(row, ""),
            TASK,
            "own",
        )
        for name, row in keys
    ]
    asked = asked | {"pairs": key_of(sorted(columns))}  # all that a judge sees
    if (folder / FACTS).exists() and Pool(folder).facts["asked"] == asked:
        return Pool(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    try:
        images, image_of = ImageWriter(folder), {shown[row]: image for row, image in sorted(picture.items())}
        for sha256, image in progress(image_of.items(), "copying pictures", total=len(image_of), unit="picture"):
            images.add(sha256, collection.image(image), sha256)
        images.close()
        write_tables(folder, pa.Table.from_arrays(_columns(columns), schema=PAIRS), SYSTEMS.empty_table())
    except OSError as error:
        raise disk_error(error, folder) from None
    task = {"name": TASK, "queries": len({name for name, _ in keys}), "gallery": 0, "pairs": len(keys), "random": 0}
    source = {"name": "own", "source": str(collection.folder), "revision": ""}
    write_json(folder / FACTS, {"format": 1, "asked": asked, "benchmark": source, "pairs": len(keys), "tasks": [task]})
    return Pool(folder)


def query_id(text: str) -> str:
    return f"q-{key_of(normal(text))}"


def told(collection: Collection, row: int) -> str:
    """What the judge reads of a product: its title, and what its shop says of it."""
    product = collection.products[row]
    more = "; ".join(f"{name}: {value}" for name, value in statements(product) if name not in ("words", "title"))
    return f"{product.title} ({more})" if more else product.title


def _values(product) -> str:
    return " ".join(value for _, value in statements(product))


def _columns(rows: Sequence[tuple]) -> list[pa.Array]:
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
