"""A benchmark's files: the layout of ZooClaw-Fashion's release for test and for dev, graded qrels, TREC, checksums."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from weft.artefact import MANIFEST
from weft.build.ask import TWINS
from weft.build.select import Chosen, Question, brand, category
from weft.catalogue.collection import Collection
from weft.catalogue.parts import link_or_copy
from weft.files import disk_error, write_whole
from weft.progress import progress
from weft.results import word

ROWS = 100
"""Pictures of a row group: the hub's viewer and our own reader take one group at a time."""
SUMS = "SHA256SUMS"
CORPUS = pa.schema(
    [
        ("corpus_id", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("title", pa.string()),
        ("brand", pa.string()),
        ("category", pa.string()),
    ]
)
QUERIES = pa.schema(
    [
        ("query_id", pa.string()),
        ("short_query", pa.string()),
        ("long_query", pa.string()),
        ("query_type", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("source_id", pa.string()),  # the product that it was written from
        ("short_states", pa.list_(pa.string())),  # "name=value": what a product must satisfy
        ("long_states", pa.list_(pa.string())),
    ]
)
TRUTH = pa.schema([("query_id", pa.string()), ("corpus_ids", pa.list_(pa.string()))])
QRELS = pa.schema([("query-id", pa.string()), ("corpus-id", pa.string()), ("score", pa.int32())])


def features(schema: pa.Schema) -> pa.Schema:
    """The schema with the metadata by which `datasets` knows an image column; other columns are plain texts."""
    kinds = {
        field.name: {"_type": "Image"} if pa.types.is_struct(field.type) else {"dtype": "string", "_type": "Value"}
        for field in schema
    }
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": kinds}})})


def place(folder: Path, part: str) -> Path:
    """Where a part's own folder is: test is the benchmark itself, dev stands apart in it."""
    return folder if part == "test" else folder / part


def file(name: str) -> str:
    return f"data/{name}-00000-of-00001.parquet"


def write(collection: Collection, chosen: Chosen, parts: Sequence[str], folder: Path) -> None:
    """Writes `data/` of every part and `trec/`. Both parts ask one corpus, which takes its room once.

    Raises:
        WeftError: the disk is full.
    """
    try:
        for part in parts:
            (place(folder, part) / "data").mkdir(parents=True, exist_ok=True)
        _corpus(collection, chosen, folder / file("corpus"))
        for part in parts:
            own = place(folder, part)
            if own != folder:
                link_or_copy(folder / file("corpus"), own / file("corpus"))
            _part(collection, chosen, chosen.of(part), own)
            for twin in TWINS:
                _trec(collection, chosen, chosen.of(part), twin, folder / "trec" / f"{part}-{twin}")
    except OSError as error:
        raise disk_error(error, folder) from None


def checksums(folder: Path) -> str:
    """Lines for `sha256sum -c`, of every file but the folder's own marks: see `weft.artefact.Stage`."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if name not in ("key", MANIFEST, SUMS)]
    lines = []
    for name in names:
        with (folder / name).open("rb") as handle:
            lines.append(f"{hashlib.file_digest(handle, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)


def grades(collection: Collection, chosen: Chosen, one: Question, twin: str) -> Iterator[tuple[str, int]]:
    """Product id and grade of what is judged of a query and stands in the gallery, in the gallery's order."""
    own = one.asked.grades[twin]
    inside = sorted(set(own) & chosen.inside)
    return ((collection.products[row].id, int(own[row])) for row in inside)


def _corpus(collection: Collection, chosen: Chosen, path: Path) -> None:
    schema, rows = features(CORPUS), []
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["brand", "category"]) as writer:
        for number, row in enumerate(progress(chosen.gallery.tolist(), "writing pictures", unit="product"), start=1):
            product = collection.products[row]
            data = collection.image(collection.image_rows[row][0])
            rows.append(
                {
                    "corpus_id": product.id,
                    "image": {"bytes": data, "path": f"{number:08d}.{_suffix(data)}"},
                    "title": product.title,
                    "brand": product.brand,
                    "category": product.category,
                }
            )
            if len(rows) == ROWS or number == len(chosen.gallery):
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows.clear()


def _suffix(data: bytes) -> str:
    kind = Image.open(io.BytesIO(data)).format or "img"
    return {"jpeg": "jpg"}.get(kind.lower(), kind.lower())


def _part(collection: Collection, chosen: Chosen, questions: Sequence[Question], folder: Path) -> None:
    rows, truth = [], []
    for one in questions:
        row, query = one.asked.row, one.asked.query
        told = {f"{twin}_query": query[twin].text for twin in TWINS}
        told |= {f"{twin}_states": list(query[twin].stated) for twin in TWINS}
        told |= {"category": category(collection, row), "brand": brand(collection, row), "source_id": one.source}
        rows.append(told | {"query_id": one.id, "query_type": one.kind})
        truth.append(
            {"query_id": one.id, "corpus_ids": [collection.products[answer].id for answer in one.asked.answers]}
        )
    pq.write_table(pa.Table.from_pylist(rows, schema=QUERIES), folder / file("queries"), compression="zstd")
    pq.write_table(pa.Table.from_pylist(truth, schema=TRUTH), folder / file("ground_truth"), compression="zstd")
    for twin in TWINS:
        graded = [
            {"query-id": one.id, "corpus-id": product, "score": grade}
            for one in questions
            for product, grade in grades(collection, chosen, one, twin)
        ]
        pq.write_table(pa.Table.from_pylist(graded, schema=QRELS), folder / file(f"qrels_{twin}"), compression="zstd")


def _trec(collection: Collection, chosen: Chosen, questions: Sequence[Question], twin: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "queries.tsv", "".join(f"{one.id}\t{one.asked.query[twin].text}\n" for one in questions))
    lines = [
        f"{one.id} 0 {word(product)} {grade}\n"
        for one in questions
        for product, grade in grades(collection, chosen, one, twin)
    ]
    write_whole(folder / "qrels.txt", "".join(lines))
