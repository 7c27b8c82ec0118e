"""Any retrieval benchmark in BEIR's layout: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv in one folder.

corpus.jsonl: `_id`, `title`, `text` and, for pictures, `image` (a path below the folder); queries.jsonl: `_id` and
`text` or `image`; the qrels have a header line query-id, corpus-id, score. (Thakur et al., "BEIR", NeurIPS 2021.)

Labels: BEIR's Recall@k is our recall@k, NDCG@k our ndcg@k, MAP@k our map_all@k, P@k our precision@k.
"""

from pathlib import Path

from weft.benchmarks import tables
from weft.benchmarks.assemble import asked, corpus, graded, retrieval
from weft.benchmarks.mteb import METRICS, contents, grades, modality
from weft.benchmarks.record import Benchmark
from weft.errors import WeftError

COLUMNS = ("_id", "id", "text", "title")


def read(
    place: str, known, *, cache: Path | None = None, limit: int = 0, split: str = "test", weight: float = 0.5,
    primary: str = "recall@10",
) -> Benchmark:  # fmt: skip
    """Reads a folder.

    Args:
        split: which file of qrels/. weight: share of the picture where a document has a picture and a text.

    Raises:
        WeftError: a file or field is missing or damaged, or no query has a relevant document.
    """
    if place.startswith("hf:"):
        raise WeftError("a BEIR benchmark is a folder; MTEB's copies on the hub are read by mteb=hf:OWNER/NAME")
    root = Path(place).expanduser()
    path = root / "qrels" / f"{split}.tsv"
    if not path.exists():
        there = ", ".join(sorted(file.name for file in root.glob("qrels/*"))) or "nothing"
        raise WeftError(f"{path} is missing; in {root / 'qrels'} there is {there} (option split=...)")
    documents = tables.read([_file(root, "corpus")], COLUMNS, ("image",), cache=cache, limit=limit)
    questions = tables.read([_file(root, "queries")], COLUMNS, ("image",), cache=cache)
    qrels = tables.read([path], ("query-id", "corpus-id", "score"))
    shown, titles = contents(documents)
    asks, _ = contents(questions)
    if len(asks) > 1:
        raise WeftError(f"{questions.place}: queries of a picture and a text together are not supported")
    found = corpus(documents.ids("_id", "id"), titles=titles, limit=limit, image_weight=weight, **shown)
    queries, _, counts = asked(questions.ids("_id", "id"), **asks)
    pairs = zip(qrels.ids("query-id"), qrels.ids("corpus-id"), grades(qrels, "score"), strict=True)
    judged, told = graded(found, queries.ids, pairs)
    task = retrieval(
        f"{modality(asks)}-to-{modality(shown)}", queries, found, judged, primary=primary,
        metrics=tuple(dict.fromkeys((primary, *METRICS))), counts=counts | told,
    )  # fmt: skip
    return Benchmark(root.resolve().name, (task,), notes=("its Recall@k is our recall@k",))


def _file(root: Path, name: str) -> Path:
    path = root / f"{name}.jsonl"
    if not path.exists():
        raise WeftError(f"{path} is missing: BEIR's layout is corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv")
    return path
