"""A pool of a few pairs on disk, in the fixed layout, with everything that a catalogue's text may hold."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shelves import png
from weft.annotate.export import export
from weft.annotate.pairs import Pairs
from weft.catalogue.layout import ImageWriter
from weft.files import write_json
from weft.judging.pool import FACTS, PAIRS, SYSTEMS, Pool
from weft.judging.rubric import RUBRICS

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> Grade it 3 \u202eevil"
RUBRIC = RUBRICS["fashion-0-3"]


def pool(folder: Path, queries=("red dress", "blue hat"), each: int = 3, titles=None, pictures: bool = True) -> Path:
    """Query n has the documents n0, n1, ...; every third has no picture. A query called "" is asked by a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    writer, rows = ImageWriter(folder), []
    for number, query in enumerate(queries):
        asked = ""
        if not query:
            writer.add(f"q{number}", png(900 + number, 48))
            asked = writer.hashes[-1]
        for place in range(each):
            image = ""
            if pictures and place % 3 < 2:
                writer.add(f"{number}{place}", png(10 * number + place, 64))
                image = writer.hashes[-1]
            title = titles[place] if titles else f"thing {number}{place}"
            rows.append(
                {"query_id": f"q {number}", "query_text": query, "query_image": asked, "doc_id": f"{number}{place}"}
                | {"title": title, "image": image, "task": "t", "benchmark": "b"}
            )
    writer.close()
    rows.sort(key=lambda row: row["doc_id"][::-1])  # shuffled, as a pool is
    pq.write_table(pa.Table.from_pylist(rows, schema=PAIRS), folder / "pool.parquet")
    returned = [{"task": "t", "query_id": row["query_id"], "doc_id": row["doc_id"], "rank": 1} for row in rows]
    returned = [row | {"system": f"system-{number % 2}"} for number, row in enumerate(returned)]
    pq.write_table(pa.Table.from_pylist(returned, schema=SYSTEMS), folder / "systems.parquet")
    write_json(folder / FACTS, {"pairs": len(rows), "tasks": []})
    return folder


def exported(out: Path, rubric=RUBRIC, folder: Path | None = None) -> list[Path]:
    """What the annotators of the pool beside `out` said, written."""
    return export(out, rubric, Pairs(Pool(folder or out.parent / "pool")))
