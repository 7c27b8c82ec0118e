"""H&M retrieval (hub `srpone/hm-eval`): one table whose rows are pictures, some of which are also asked for.

Columns: query_id (null where a row is only part of the gallery), label_id, category, brand, title, query_type, image.
A query is a row's title; relevant is every row with the same label_id, the query's own included. Ids of the corpus
are row numbers, because several rows may show one label.

Labels: its "Recall@k" is 1 if any row of the label is in the top k, our hit_rate@k; its MRR@10 is our mrr@10.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from weft.benchmarks import places
from weft.benchmarks.assemble import asked, corpus, part_of, retrieval
from weft.benchmarks.record import Benchmark
from weft.catalogue.sources.text import term

METRICS = ("hit_rate@1", "hit_rate@5", "hit_rate@10", "recall@1", "recall@10", "mrr@10", "map@10", "ndcg@10")
COLUMNS = ("query_id", "label_id", "category", "brand", "title", "query_type")


def read(
    place: str, known, *, cache: Path | None = None, limit: int = 0, together: int = 1, split: str = ""
) -> Benchmark:
    """Reads the table.

    Args:
        together: 1 for one task, as published figures are, with the type of query as a stratum; 0 for one per type.
        split: which one, if the dataset has several.

    Raises:
        WeftError: a column is missing, or no row is a query.
    """
    table = places.one(place, COLUMNS, ("image",), split=split, revision=known.revision, cache=cache, limit=limit)
    labels, titles = table.ids("label_id"), table.texts("title") or table.need("title")
    count = min(limit or len(table), len(table))
    found = corpus(
        [f"row-{row}" for row in range(len(table))], pictures=table.need_pictures(), titles=titles, limit=limit
    )
    shown = defaultdict(list)
    for row, label in enumerate(labels[:count]):
        if label:
            shown[label].append(row)
    judged_of = {label: (np.asarray(rows), np.ones(len(rows))) for label, rows in shown.items()}

    ids = table.ids("query_id")
    asking = [row for row in range(count) if ids[row]]
    queries, kept, counts = asked([ids[row] for row in asking], texts=[titles[row] for row in asking])
    rows = [asking[row] for row in kept]
    nothing = (np.empty(0, dtype=np.int64), np.empty(0))
    judged = [judged_of.get(labels[row], nothing) for row in rows]
    types = table.texts("query_type") or [""] * len(table)
    categories = table.texts("category") or [""] * len(table)
    brands = [term(brand) for brand in table.texts("brand") or [""] * len(table)]
    columns = {
        "query_type": [types[row] for row in rows],
        "category": [categories[row] for row in rows],
        "label": [labels[row] for row in rows],
        "brand": [brands[row] if types[row] == "zero-shot" else "" for row in rows],
    }
    nameless = {"rows without a label": labels[:count].count("")} if "" in labels[:count] else {}

    tasks = []
    for kind in [""] if together else list(dict.fromkeys(columns["query_type"])):
        keep = [place for place, own in enumerate(columns["query_type"]) if together or own == kind]
        chosen = {what: [column[place] for place in keep] for what, column in columns.items()}
        task = retrieval(
            f"text-to-image/{kind}" if kind else "text-to-image", part_of(queries, keep), found,
            [judged[place] for place in keep], primary="hit_rate@10", metrics=METRICS,
            alike=[chosen["label"], chosen["brand"]], source=np.asarray([rows[place] for place in keep]),
            strata={what: chosen[what] for what in ("query_type", "category")},
            counts=counts | {"queries read": len(keep)} | nameless,
        )  # fmt: skip
        tasks.append(task)
    return Benchmark("H&M", tuple(tasks), notes=("its Recall@k is our hit_rate@k",))
