"""Any retrieval benchmark in MTEB's layout, texts or pictures: tables corpus, queries and qrels, one of each.

corpus and queries: `id` (or `_id`) and `text`, `image` or both, and perhaps `title`; qrels: `query-id`, `corpus-id`,
`score`. On the hub they are configs ("query" and "default" are known, too); locally NAME.parquet or a folder NAME/.
(embeddings-benchmark/mteb, abstasks/retrieval_dataset_loaders.py.)

Labels: its recall_at_k is true recall, our recall@k; ndcg_at_k our ndcg@k; map_at_k trec_eval's, our map_all@k;
cv_recall_at_k ("any relevant") our hit_rate@k.
"""

import math
from pathlib import Path

from weft.benchmarks import places
from weft.benchmarks.assemble import asked, corpus, graded, retrieval
from weft.benchmarks.pictures import EMPTY
from weft.benchmarks.record import Benchmark, Retrieval
from weft.benchmarks.tables import Table
from weft.errors import WeftError

METRICS = ("recall@1", "recall@10", "hit_rate@1", "hit_rate@10", "mrr@10", "map@10", "map_all@10", "ndcg@10")
COLUMNS = ("id", "_id", "text", "title", "modality", "language")


def read(
    place: str, known, *, cache: Path | None = None, limit: int = 0, split: str = "", config: str = "",
    weight: float = 0.5, primary: str = "recall@10", images: str = "image",
) -> Benchmark:  # fmt: skip
    """Reads corpus, queries and qrels.

    Args:
        split: of the queries and qrels; if none is named "test", or the only one there is.
        config: prefix of the tables' names, "en" for "en-corpus".
        weight: share of the picture where a document has a picture and a text.
        images: the column of pictures; "none" to leave them out.

    Raises:
        WeftError: a table or column is missing, or no query has a relevant document.
    """
    task = one_task(place, known, cache, limit, split, config, weight, primary, images)
    name = Path(place.removeprefix("hf:")).name
    return Benchmark(name, (task,), notes=("its recall_at_k is our recall@k, cv_recall_at_k our hit_rate@k",))


def one_task(
    place: str, known, cache: Path | None, limit: int, split: str = "", config: str = "", weight: float = 0.5,
    primary: str = "recall@10", images: str = "image",
) -> Retrieval:  # fmt: skip
    """The benchmark's task, called by its modalities: "text-to-image"."""
    lead = f"{config}-" if config else ""
    columns = () if images == "none" else (images,)
    more = {"split": split, "usual": "test", "revision": known.revision, "cache": cache}
    documents = places.part(place, [f"{lead}corpus"], COLUMNS, columns, limit=limit, **more)
    questions = places.part(place, [f"{lead}queries", f"{lead}query"], COLUMNS, columns, **more)
    judged_by = [f"{lead}qrels", config or "default"], ("query-id", "corpus-id", "score")
    qrels = places.part(place, *judged_by, apart=True, **more)
    shown, titles = contents(documents)
    found = corpus(documents.ids("id", "_id"), titles=titles, limit=limit, image_weight=weight, **shown)
    asks, _ = contents(questions)
    if len(asks) > 1:
        raise WeftError(f"{questions.place}: queries of a picture and a text together are not supported; see `images`")
    queries, rows, counts = asked(questions.ids("id", "_id"), **asks)
    pairs = zip(qrels.ids("query-id"), qrels.ids("corpus-id"), grades(qrels, "score"), strict=True)
    judged, told = graded(found, queries.ids, pairs)
    languages = questions.texts("language")
    return retrieval(
        f"{modality(asks)}-to-{modality(shown)}", queries, found, judged, primary=primary,
        metrics=tuple(dict.fromkeys((primary, *METRICS))), counts=counts | told,
        strata={"language": [languages[row] for row in rows]} if languages else None,
    )  # fmt: skip


def contents(table: Table) -> tuple[dict, list[str] | None]:
    """What a table's things are embedded from, {"texts": ...} and/or {"pictures": ...}, and their titles for BM25.

    A document's text is its title and text joined, as BEIR's readers do; a title alone is embedded only where there
    is no picture to embed.

    Raises:
        WeftError: there is nothing to embed; or things are shown by a picture and a text each, and some lack one.
    """
    texts, titles = table.texts("text"), table.texts("title")
    kinds = {part for kind in set(table.texts("modality") or []) for part in kind.replace(" ", "").split(",")} - {""}
    shown = {}
    if table.pictures is not None and ("image" in kinds if kinds else table.pictures.any()):
        shown["pictures"] = table.pictures
    has_texts = bool(texts) and any(texts)
    if titles and has_texts:
        texts = [f"{title} {text}".strip() for title, text in zip(titles, texts, strict=True)]
    elif titles:
        texts = titles
    if texts and any(texts) and (not kinds or "text" in kinds) and (has_texts or not shown):
        shown["texts"] = texts
    if not shown:
        table.need("text")
        raise WeftError(f"{table.place} has neither texts nor pictures in its rows")
    if len(shown) > 1:
        _alike(table, texts)
    return shown, texts


def _alike(table: Table, texts: list[str]) -> None:
    """Refuses things of several kinds: without its picture one is never found, without its text found by nothing."""
    bare = sum(reason == EMPTY for reason in table.pictures.broken.values())
    dumb = sum(not text.strip() for text in texts)
    if bare or dumb:
        raise WeftError(
            f"{table.place}: of {len(table):,} rows {bare:,} have no picture and {dumb:,} no text, and things that are "
            "shown in several ways cannot be compared: take these rows out, or the pictures (mteb: ?images=none)"
        )


def modality(shown: dict) -> str:
    return "+".join({"pictures": "image", "texts": "text"}[what] for what in sorted(shown))


def grades(table: Table, column: str) -> list[float]:
    """A column of numbers. Raises `WeftError` naming the first cell that is none."""
    try:
        return [finite(cell) for cell in table.need(column)]
    except (TypeError, ValueError) as error:
        raise WeftError(f"{table.place}: column {column!r} holds something that is not a number ({error})") from None


def finite(cell: object) -> float:
    """A grade. Raises `ValueError` or `TypeError` for what is none: no mean over NaN or infinity says anything."""
    if not math.isfinite(value := float(cell)):
        raise ValueError(f"{cell!r} is not finite")
    return value
