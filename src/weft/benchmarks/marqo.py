"""Marqo's seven fashion benchmarks: a table of items and `ground_truth_{query column}-{document columns}.json` files.

A ground truth is {query text: {item id: 1}}, made by exact equality of the query and the items' column; of the text
column 2,000 values were sampled. Documents "image+text" are unit(0.9 image + 0.1 text).
(marqo-ai/marqo-FashionCLIP, eval.py and configs/.)

Labels: its "recall" is true recall, as ours; "precision" (P@k) is ours; "MRR" looks at the top 10, our mrr@10; "mAP" is
trec_eval's map_cut, our map_all@k. It keeps results by item id, so that a repeated id loses a place without a word.
"""

import json
from collections import defaultdict
from pathlib import Path

from weft.benchmarks import places
from weft.benchmarks.assemble import Corpus, asked, corpus, look_up, retrieval
from weft.benchmarks.mteb import finite
from weft.benchmarks.record import Benchmark
from weft.benchmarks.tables import Table, identity
from weft.catalogue.sources.text import terms
from weft.errors import WeftError

DOCUMENT = "image+text"
PRODUCT = {"category-to-product": "category2", "sub-category-to-product": "category3", "color-to-product": "color"}
TASKS: dict[str, dict[str, str]] = {  # dataset -> task -> query column; "-to-product" asks documents of two fields
    "Atlas": {"text-to-image": "text", "sub-category-to-product": "sub-category"},
    "DeepFashion-InShop": {"text-to-image": "text", **PRODUCT},
    "DeepFashion-Multimodal": {"text-to-image": "text", "category-to-product": "category2"},
    "Fashion200k": {
        "text-to-image": "text", "category-to-product": "category1", "sub-category-to-product": "category2",
        "fine-category-to-product": "category3",
    },
    "iMaterialist": {"category-to-image": "category", "style-to-image": "style", "neckline-to-image": "neckline"},
    "KAGL": {
        "text-to-image": "text", "category-to-product": "category1", "sub-category-to-product": "category2",
        "fine-category-to-product": "category3", "color-to-product": "baseColour", "season-to-product": "season",
        "usage-to-product": "usage",
    },
    "Polyvore": {"text-to-image": "text", "category-to-product": "category"},
}  # fmt: skip

ELSEWHERE = {  # the hub's column -> what copies of the same data call it
    "item_ID": ("product_id", "item_id", "id"),
    "text": ("title", "productDisplayName"),
    "category1": ("master_category", "masterCategory"),
    "category2": ("sub_category", "subCategory"),
    "category3": ("article_type", "articleType"),
    "baseColour": ("base_colour",),
}
TEXT = ("recall@1", "recall@10", "hit_rate@1", "hit_rate@10", "mrr@10", "map@10", "map_all@10", "ndcg@10")
CATEGORY = ("precision@1", "precision@10", "mrr@10", "recall@1", "recall@10", "hit_rate@1", "hit_rate@10", "ndcg@10")


def read(
    place: str,
    known,
    *,
    cache: Path | None = None,
    limit: int = 0,
    dataset: str = "KAGL",
    ground_truth: str = "",
    split: str = "",
) -> Benchmark:
    """Reads one of the seven.

    Args:
        place: the hub's dataset, a folder, or a file.
        dataset: a key of `TASKS`.
        ground_truth: folder of the JSON files, which the hub's datasets do not hold; searched for below or beside
            a local `place` if it is empty. A category's missing file is made from the table by exact equality, as the
            published ones were; the text queries were sampled, so without their file there is no such task.
        split: which one, if the dataset has several.

    Raises:
        WeftError: a file is damaged, the table lacks a column, or no task can be made.
    """
    if dataset not in TASKS:
        raise WeftError(f"Marqo's datasets are {', '.join(TASKS)}; there is no {dataset!r}")
    asking = TASKS[dataset]
    wanted = [name for column in ("item_ID", "text", *asking.values()) for name in _names(column)]
    table = places.one(place, wanted, ("image",), split=split, revision=known.revision, cache=cache, limit=limit)
    items = table.texts(*_names("text"))
    found = corpus(table.ids(*_names("item_ID")), pictures=table.need_pictures(), titles=items, limit=limit)
    folder = Path(ground_truth).expanduser() if ground_truth else _beside(place)
    tasks, notes = [], ["its recall is true recall; P@k our precision@k; MRR our mrr@10; mAP@k our map_all@k"]
    for task, column in asking.items():
        documents = "image" if task.endswith("-to-image") else DOCUMENT
        path = _file(folder, dataset, f"ground_truth_{column}-{documents}.json")
        truth = _load(path) if path else _made(table, found, column)
        if truth is None:
            notes.append(f"{task} is left out: there is no ground_truth_{column}-{documents}.json")
            continue
        if not path:
            notes.append(f"{task}: answers made from the table by exact equality of {column}")
        side = found.side
        if documents == DOCUMENT:
            side = found.side_with(texts=found.pick(items or table.need("text")), image_weight=0.9)
        # Texts hold spaces, which ids in a TREC run must not: a query's id is its place in the file.
        queries, _, counts = asked([f"{column}-{number}" for number in range(len(truth))], texts=list(truth))
        judged, missing = look_up(found, [truth[text] for text in queries.texts])
        text = column == "text"
        made = retrieval(
            task, queries, found, judged, side=side, metrics=TEXT if text else CATEGORY,
            primary="recall@10" if text else "precision@10", counts=counts | missing,
            strata=None if text else {"query type": [task.partition("-to-")[0]] * len(queries)},
        )  # fmt: skip
        tasks.append(made)
    if not tasks:
        raise WeftError(
            f"{place}: no ground truth was found for {dataset}. Name the folder of its JSON files (they lie in "
            f"marqo-ai/marqo-FashionCLIP, data/{dataset}/gt_query_doc): ?ground_truth=FOLDER"
        )
    if "text-to-image" in asking and items:
        notes.append("text queries are the items' own texts word for word: BM25 over titles must find them")
    return Benchmark(f"{dataset} (Marqo)", tuple(tasks), notes=tuple(notes))


def _names(column: str) -> tuple[str, ...]:
    return column, *ELSEWHERE.get(column, ())


def _beside(place: str) -> Path | None:
    """Where a local copy's ground truths lie: below its folder."""
    if place.startswith("hf:"):
        return None
    path = Path(place).expanduser()
    return path if path.is_dir() else path.parent


def _file(folder: Path | None, dataset: str, name: str) -> Path | None:
    """The file of that name below the folder, or with the dataset's name before it ("Atlas.ground_truth_...")."""
    if folder is None:
        return None
    found = [*folder.rglob(name), *folder.rglob(f"{dataset}.{name}")]
    if len(found) > 1:
        raise WeftError(f"{folder} holds {name} more than once ({', '.join(map(str, found[:3]))}); name one folder")
    return found[0] if found else None


def _load(path: Path) -> dict[str, dict[str, float]]:
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
        return {text: {identity(item): finite(grade) for item, grade in items.items()} for text, items in truth.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WeftError(f"{path} is damaged ({error}); it must hold {{query: {{item id: 1}}}}") from None


def _made(table: Table, found: Corpus, column: str) -> dict[str, dict[str, float]] | None:
    """Category answers by exact equality; None for texts, or if the table has no such column."""
    cells = None if column == "text" else table.find(*_names(column))
    if cells is None:
        return None
    truth: dict[str, dict[str, float]] = defaultdict(dict)
    for item, cell in zip(found.side.ids, found.pick(cells), strict=True):
        values = [identity(cell)] if not isinstance(cell, list) else cell
        for value in values:
            if terms(value):
                truth[identity(value)][item] = 1.0
    return dict(truth) or None
