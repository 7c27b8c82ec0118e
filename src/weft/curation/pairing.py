"""Which pairs a judge should grade for training: every text with its own product, and with what nearly answers it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import disk_error, key_of, write_json
from weft.bm25 import BM25
from weft.catalogue.collection import Collection, ImageWriter
from weft.catalogue.images import fingerprint
from weft.errors import WeftError
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
            if one["product_id"] not in collection.row_of:
                raise WeftError(f"{path} has a text of {one['product_id']}, which is not in {collection.folder}")
            yield Query(one["text"], tuple(one["stated"])), collection.row_of[one["product_id"]]


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
    for query, row in progress(own, "looking for near misses", total=len(own), unit="text"):
        judged, grades = index.grades(query, place[row])
        answers = set(judged[grades >= 3].tolist())
        ranking, _ = ranker.top_k([query.text], DEEP)
        misses = [number for number in ranking[0].tolist() if number >= 0 and number not in answers]
        yield from ((query.text, int(rows[number]), False) for number in misses[:count])


def named_pairs(collection: Collection, path: Path) -> Iterator[Given]:
    """Pairs from a Parquet, CSV or JSON Lines table with the columns `query` and `product_id`.

    Raises:
        WeftError: it cannot be read, lacks a column, or names a product that the collection has not.
    """
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            import pyarrow.csv
            import pyarrow.json

            table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pyarrow.json.read_json(path)
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{path} cannot be read as a table of pairs: {error}") from None
    if missing := {"query", "product_id"} - set(table.column_names):
        raise WeftError(f"{path} has no column {missing.pop()!r}; it has {', '.join(table.column_names)}")
    for text, product in zip(
        table["query"].to_pylist(), table["product_id"].cast(pa.string()).to_pylist(), strict=True
    ):
        if product not in collection.row_of:
            raise WeftError(f"{path} names product {product}, which is not in {collection.folder}")
        yield text, collection.row_of[product], False


def write_pool(collection: Collection, pairs: Sequence[Given], folder: Path, asked: dict, seed: int) -> Pool:
    """Writes pairs as a pool, which `weft judge` and `weft annotate` take as well; each pair once, in an order that
    tells nothing. A pool is kept where the very same was written before.

    A text's id is made of its words: equal texts of several products are one query.
    """
    unique = {(query_id(text), row): (text, own) for text, row, own in reversed(pairs)}
    keys = sorted(unique)
    keys = [keys[n] for n in randomness(seed, "grading order").permutation(len(keys))]
    asked = asked | {"pairs": key_of([[name, row, unique[name, row][0]] for name, row in sorted(unique)])}
    if (folder / FACTS).exists() and Pool(folder).facts["asked"] == asked:
        return Pool(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    try:
        images, shown, there = ImageWriter(folder), {}, set()
        for row in progress(sorted({row for _, row in keys}), "copying pictures", unit="product"):
            shown[row] = ""
            if len(collection.image_rows[row]):
                data = collection.image(collection.image_rows[row][0])
                shown[row] = fingerprint(data)
                if shown[row] not in there:
                    there.add(shown[row])
                    images.add(shown[row], data)
        images.close()
        columns = [
            (
                name,
                unique[name, row][0],
                "",
                collection.products[row].id,
                told(collection, row),
                shown[row],
                TASK,
                "own",
            )
            for name, row in keys
        ]
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
