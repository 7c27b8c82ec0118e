"""LookBench (hub `srpone/look-bench`): find a photographed garment in a gallery, image to image, in four subsets.

Each subset has splits query and gallery; the gallery that counts is its own plus the shared config "noise", whose
pictures are relevant to nothing. Columns: image (cropped to its box already), category, main_attribute,
other_attributes, item_ID (numbered anew in every split, so it names nothing across them).

Three tasks a subset, because each has other relevant things and so leaves out other queries:

- SUBSET/fine: the same category and every attribute of the query, main and other; its "Fine Recall@k" is our
  hit_rate@k.
- SUBSET/coarse: the same category; its "Coarse Recall@k" is our hit_rate@k.
- SUBSET/attributes: the same category, graded by the share of the query's attributes that are there,
  |A_q and A_i| / |A_q|; its nDCG@k is our ndcg@k.

Definitions: Gao et al., "LookBench", arXiv 2601.14706, appendix. An independent reproduction (hopit-ai/Moda) comes
within a point of the published Fine Recall only if the main attribute alone must match: option fine=main.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from weft.benchmarks import places
from weft.benchmarks.assemble import Corpus, Judged, asked, corpus, retrieval
from weft.benchmarks.pictures import Joined
from weft.benchmarks.record import Benchmark, Retrieval
from weft.benchmarks.tables import Table, words
from weft.catalogue.sources.text import term
from weft.errors import WeftError

SUBSETS = ("real_studio_flat", "aigen_studio", "real_streetlook", "aigen_streetlook")
COLUMNS = ("item_ID", "category", "main_attribute", "other_attributes", "difficulty", "task")
HITS = tuple(f"hit_rate@{k}" for k in (1, 5, 10, 20))
GAINS = tuple(f"ndcg@{k}" for k in (1, 5, 10, 20))
SMALLEST = 1e-6  # any overlap at all


def read(
    place: str, known, *, cache: Path | None = None, limit: int = 0, subsets: tuple[str, ...] = (),
    noise: int = 1, fine: str = "all",
) -> Benchmark:  # fmt: skip
    """Reads the subsets that are there, from SUBSET/query.parquet and SUBSET/gallery.parquet or the hub.

    Args:
        subsets: some of `SUBSETS`; all that are there if empty (on the hub, all four).
        noise: 0 leaves the shared distractors out: easier, and the tasks say so.
        fine: "all" attributes must match, or the "main" one.

    Raises:
        WeftError: no subset is there, or a column is missing.
    """
    if fine not in ("all", "main"):
        raise WeftError(f"lookbench: fine is 'all' or 'main', not {fine!r}")
    root = None if place.startswith("hf:") else _root(Path(place).expanduser())
    chosen = subsets or tuple(name for name in SUBSETS if root is None or (root / name).is_dir())
    if not chosen:
        raise WeftError(f"{place} has none of the folders {', '.join(SUBSETS)}")

    def table(subset: str, split: str) -> Table:
        more = {"cache": cache, "limit": limit if split == "gallery" else 0}  # all queries are asked
        if root is None:
            return places.stream(place, [(subset, split)], COLUMNS, ("image",), revision=known.revision, **more)
        return places.part(str(root / subset), [split], COLUMNS, ("image",), folder=root, **more)

    distractors = None
    if noise and (root is None or (root / "noise").is_dir()):
        distractors = table("noise", "gallery")
    tasks = [
        task
        for subset in chosen
        for task in _subset(subset, table(subset, "query"), table(subset, "gallery"), distractors, fine, limit)
    ]
    notes = ["its Fine and Coarse Recall@k are our hit_rate@k"]
    if distractors is None:
        notes.append("without the shared distractors, so a much smaller gallery than the published one")
    return Benchmark("LookBench", tuple(tasks), notes=tuple(notes))


def _root(place: Path) -> Path:
    """The folder that holds the subsets: the copy's own, or the dated one below it."""
    dated = sorted({path.parent for name in SUBSETS for path in place.glob(f"*/{name}")})
    if any((place / name).is_dir() for name in SUBSETS) or not dated:
        return place
    return dated[-1]


def _subset(name: str, asking: Table, gallery: Table, noise: Table | None, fine: str, limit: int) -> list[Retrieval]:
    own = min(limit or len(gallery), len(gallery))
    found = _corpus(name, gallery, noise, limit)
    queries, rows, counts = asked([f"{name}-{row}" for row in range(len(asking))], pictures=asking.need_pictures())
    categories, everything, mains = _labels(asking)
    their_categories, their_everything, their_mains = _labels(gallery)
    of_category = defaultdict(list)
    for row, category in enumerate(their_categories[:own]):
        of_category[category].append(row)
    attributes, theirs = (mains, their_mains) if fine == "main" else (everything, their_everything)

    def judge(overlap: Callable[[int, int], float]) -> list[Judged]:
        judged = []
        for row in rows:
            near = of_category.get(categories[row], []) if categories[row] else []
            grades = np.asarray([overlap(row, item) for item in near], dtype=np.float64)
            judged.append((np.asarray(near, dtype=np.int64)[grades > 0], grades[grades > 0]))
        return judged

    def all_there(row: int, item: int) -> float:
        return float(bool(attributes[row]) and attributes[row] <= theirs[item])

    def share(row: int, item: int) -> float:
        wanted = everything[row]
        return len(wanted & their_everything[item]) / len(wanted) if wanted else 0.0

    strata = {"category": [categories[row] for row in rows]}
    for stratum, column in (("difficulty", "difficulty"), ("query task", "task")):
        if (labels := asking.texts(column)) is not None:
            strata[stratum] = [labels[row] for row in rows]
    more = {"strata": strata, "counts": counts | ({"distractors": len(noise)} if noise is not None else {})}
    suffix = "" if noise is not None else " (without distractors)"
    title = f"{name}/fine{'-main' if fine == 'main' else ''}{suffix}"
    hits = {"primary": "hit_rate@1", "metrics": (*HITS, "mrr@10", "recall@10", "ndcg@5")}
    return [
        retrieval(title, queries, found, judge(all_there), **hits, **more),
        retrieval(f"{name}/coarse{suffix}", queries, found, judge(lambda row, item: 1.0), **hits, **more),
        retrieval(
            f"{name}/attributes{suffix}", queries, found, judge(share), threshold=SMALLEST, primary="ndcg@5",
            metrics=GAINS, **more,
        ),
    ]  # fmt: skip


def _corpus(name: str, gallery: Table, noise: Table | None, limit: int) -> Corpus:
    """The subset's own gallery, then the distractors."""
    ids, pictures = [f"{name}/{row}" for row in range(len(gallery))], gallery.need_pictures()
    if noise is not None:
        ids += [f"noise/{row}" for row in range(len(noise))]
        pictures = Joined(pictures, noise.need_pictures())
    return corpus(ids, pictures=pictures, limit=limit)


def _labels(table: Table) -> tuple[list[str], list[frozenset], list[frozenset]]:
    """Per row its category, all its attributes, and the main one by itself; lower case."""
    categories = [term(cell) for cell in table.need("category")]
    mains = [frozenset(_attributes(cell)) for cell in table.need("main_attribute")]
    others = table.find("other_attributes") or [None] * len(mains)
    return categories, [main | _attributes(cell) for main, cell in zip(mains, others, strict=True)], mains


def _attributes(cell: object) -> frozenset[str]:
    """The values in a cell: a list, a table of name and value, a JSON list in a string, or a text with commas."""
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "{")):
        try:
            return _attributes(json.loads(cell))
        except ValueError:
            cell = cell.strip("[]{} ").replace("'", "").replace('"', "")
    if isinstance(cell, dict):
        return frozenset(f"{name}={term(value)}" for name, value in cell.items() if term(value))
    if isinstance(cell, (list, tuple)):
        return frozenset().union(*map(_attributes, cell))
    return frozenset(filter(None, (term(value) for value in re.split("[,;]", words(cell)))))
