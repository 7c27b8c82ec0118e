"""ZooClaw-Fashion, in the layout of its release and in that of its authors' own evaluator.

Release (hub `srpone/zooclaw-fashion-eval`): corpus (corpus_id, image, brand ...), queries (query_id, short_query,
long_query, query_type), ground_truth (query_id, corpus_ids). Evaluator's: {text2image,image2text,text2text}/ with
queries.json, corpus.json, ground_truth.json and, for text2image, queries_long.json; picture paths are relative to the
benchmark's root. (SerendipityOneInc/look-bench, look_bench/data/zooclaw_dataset.py.)

Labels: its "recall@k" is 1 if any right answer is in the top k, our hit_rate@k; its "mrr" looks at the top 20.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from weft.benchmarks import places
from weft.benchmarks.assemble import Corpus, answers_of, asked, corpus, look_up, part_of, retrieval
from weft.benchmarks.pictures import from_folder
from weft.benchmarks.record import Benchmark, Retrieval
from weft.benchmarks.tables import identity, words
from weft.catalogue.sources.text import term
from weft.errors import WeftError

METRICS = (
    "hit_rate@1", "hit_rate@5", "hit_rate@10", "hit_rate@20", "recall@1", "recall@10", "mrr@10", "mrr@20", "map@10",
    "ndcg@10",
)  # fmt: skip
LAYOUTS = {"text2image": "text-to-image", "image2text": "image-to-text", "text2text": "text-to-text"}
TITLES = ("title", "short_text")


def read(place: str, known, *, cache: Path | None = None, limit: int = 0, together: int = 0) -> Benchmark:
    """Reads either layout, whichever is there.

    Args:
        together: 1 for one task per length of query, as published figures are, with the type as a stratum; 0 for
            in-domain and zero-shot apart.

    Raises:
        WeftError: neither layout is there, a file is damaged, a column is missing.
    """
    root = Path(place).expanduser()
    if not place.startswith("hf:") and any((root / folder).is_dir() for folder in LAYOUTS):
        tasks = [
            task
            for folder in LAYOUTS
            if (root / folder).is_dir()
            for task in _local(root, folder, cache, limit, bool(together))
        ]
    else:
        tasks = _release(place, known, cache, limit, bool(together))
    notes = ["its recall@k is our hit_rate@k"]
    if not together and any(task.name.count("/") > 1 for task in tasks):
        notes.append("published figures take in-domain and zero-shot together: option together=1")
    dev = root.name == "dev"
    made = (root.parent if dev else root) / "benchmark.json"
    if not place.startswith("hf:") and made.exists():  # a shop's own, in this layout: `weft build`
        facts = _json(made, dict)
        name = (words(facts.get("name")) or made.parent.name) + " (dev)" * dev
        return Benchmark(name, tuple(tasks), licence=words(facts.get("licence")))
    return Benchmark("ZooClaw-Fashion", tuple(tasks), notes=tuple(notes))


def _release(place: str, known, cache: Path | None, limit: int, whole: bool) -> list[Retrieval]:
    more = {"revision": known.revision, "cache": cache}
    gallery = places.part(place, ["corpus"], ["corpus_id", "brand", *TITLES], ["image"], limit=limit, **more)
    questions = places.part(
        place, ["queries"], ["query_id", "short_query", "long_query", "query_type", "category", "language"], **more
    )
    truth = places.part(place, ["ground_truth"], ["query_id", "corpus_ids"], **more)
    found = corpus(
        gallery.ids("corpus_id"), pictures=gallery.need_pictures("image"), titles=gallery.texts(*TITLES), limit=limit
    )
    brands = found.pick(gallery.texts("brand") or [""] * len(gallery))
    lists = zip(truth.ids("query_id"), truth.need("corpus_ids"), strict=True)
    pairs = _pairs(((query, [] if items is None else items) for query, items in lists), truth.place)
    tasks = []
    for column in ("short_query", "long_query"):
        if (texts := questions.texts(column)) is not None:
            labels = {name: questions.texts(name) for name in ("query_type", "category", "language")}
            name = f"text-to-image/{column.partition('_')[0]}"
            tasks += _tasks(name, questions.ids("query_id"), {"texts": texts}, found, pairs, brands, labels, whole)
    if not tasks:
        questions.need("short_query")
    return tasks


def _local(root: Path, folder: str, cache: Path | None, limit: int, whole: bool) -> list[Retrieval]:
    def column(items: list[dict], *names: str, file: str = "") -> list[str] | None:
        name = next((name for name in names if any(name in item for item in items)), "")
        if not name and file:
            there = ", ".join(items[0]) if items else "none"
            raise WeftError(f"{root / folder / file} has no field {names[0]!r}. Its fields are {there}")
        return [words(item.get(name)) for item in items] if name else None

    things = _json(root / folder / "corpus.json", list)
    truth = _json(root / folder / "ground_truth.json", dict)
    pairs = _pairs(truth.items(), str(root / folder / "ground_truth.json"))
    ids = [identity(item.get("corpus_id")) for item in things]
    if folder == "text2image":
        shown = {"pictures": from_folder(root, column(things, "image_path", file="corpus.json"), cache)}
        titles = column(things, *TITLES)
    else:
        titles = column(things, "short_text", file="corpus.json")
        shown = {"texts": titles}
    found = corpus(ids, titles=titles, limit=limit, **shown)
    brands = found.pick(column(things, "brand") or [""] * len(things))
    tasks = []
    for file, name, field in (
        ("queries.json", "short", "short_query"),
        ("queries_long.json", "long", "long_query_llm"),
    ):
        if name == "long" and (folder != "text2image" or not (root / folder / file).exists()):
            continue
        items = _json(root / folder / file, list)
        if folder == "image2text":
            asks = {"pictures": from_folder(root, column(items, "image_path", file=file), cache)}
        else:
            asks = {"texts": column(items, field, file=file)}
        labels = {what: column(items, what) for what in ("query_type", "category", "language")}
        title = LAYOUTS[folder] + (f"/{name}" if folder == "text2image" else "")
        queries = [identity(item.get("query_id")) for item in items]
        tasks += _tasks(title, queries, asks, found, pairs, brands, labels, whole)
    return tasks


def _pairs(truth: Iterable[tuple[object, object]], place: str) -> list[tuple[str, str, float]]:
    """Query, item and grade of every answer. A string would be read letter by letter, each an id."""
    found = []
    for row, (query, items) in enumerate(truth, start=1):
        if not isinstance(items, list):
            raise WeftError(f"{place}, row {row}: the answers of query {query!r} are {items!r:.60}, not a list of ids")
        found += [(identity(query), identity(item), 1.0) for item in items]
    return found


def _tasks(
    name: str, ids: list[str], asks: dict, found: Corpus, pairs: list, brands: Sequence[str], labels: dict, whole: bool
) -> list[Retrieval]:
    """One task for each type of query, or one for all of them."""
    queries, rows, counts = asked(ids, **asks)
    answers, strangers = answers_of(pairs, queries.ids)
    if strangers:
        counts["answers of queries that are not there"] = strangers
    strata = {what: [column[row] for row in rows] for what, column in labels.items() if column}
    types = [label.strip() for label in strata.get("query_type", [""] * len(rows))]

    def made(title: str, keep: list[int]) -> Retrieval:
        def of(values: Sequence) -> list:
            return [values[place] for place in keep]

        judged, missing = look_up(found, of(answers))
        # Queries of one product have the same answers; of a brand that was never seen, all stand or fall together.
        same = [",".join(map(str, rows.tolist())) for rows, _ in judged]
        houses = [
            term(brands[rows[0]]) if kind == "zero-shot" and len(rows) else ""
            for (rows, _), kind in zip(judged, of(types), strict=True)
        ]
        return retrieval(
            title, part_of(queries, keep), found, judged, alike=[same, houses], primary="hit_rate@10",
            metrics=METRICS, strata={what: of(column) for what, column in strata.items()},
            counts=counts | {"queries read": len(keep)} | missing,
        )  # fmt: skip

    kinds = [] if whole or not any(types) else list(dict.fromkeys(types))
    if not kinds:
        return [made(name, list(range(len(types))))]
    return [made(f"{name}/{kind or 'untyped'}", [p for p, own in enumerate(types) if own == kind]) for kind in kinds]


def _json(path: Path, kind: type) -> list | dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeftError(f"{path} is missing: this layout has queries.json, corpus.json, ground_truth.json") from None
    except (OSError, ValueError) as error:
        raise WeftError(f"{path} is damaged: {error}") from None
    if not isinstance(value, kind) or (kind is list and not all(isinstance(item, dict) for item in value)):
        raise WeftError(f"{path} is damaged: it must hold {'a list of objects' if kind is list else 'an object'}")
    return value
