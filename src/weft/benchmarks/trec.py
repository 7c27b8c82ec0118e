"""Any retrieval benchmark in TREC's files: qrels, topics, and a table of documents.

qrels: lines `query 0 document grade`; topics: lines `query<TAB>text`; documents: a table (Parquet, CSV, TSV, JSON
Lines) with an id and texts, pictures or both. Grades from 1 are relevant unless `threshold` says otherwise.

Labels: trec_eval's recall_k is our recall@k, success_k our hit_rate@k, P_k our precision@k, map_cut_k our map_all@k,
ndcg_cut_k our ndcg@k.
"""

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from weft.benchmarks import tables
from weft.benchmarks.assemble import asked, corpus, graded, retrieval
from weft.benchmarks.mteb import METRICS, contents, finite, modality
from weft.benchmarks.record import Benchmark
from weft.catalogue.sources import READERS
from weft.errors import WeftError

IDS = ("id", "_id", "docno", "doc_id", "corpus_id", "product_id", "item_ID")


def read(
    place: str, known, *, cache: Path | None = None, limit: int = 0, qrels: str = "", topics: str = "",
    documents: str = "", id: str = "", threshold: float = 1.0, weight: float = 0.5, primary: str = "recall@10",
) -> Benchmark:  # fmt: skip
    """Reads a folder.

    Args:
        qrels, topics, documents: files in the folder, if they are not called qrels*, topics* or queries*, and
            documents.*, docs.* or corpus.*.
        id: the documents' column of ids, if it is none of `IDS`.
        threshold: the lowest relevant grade. weight: share of the picture where a document has a picture and a text.

    Raises:
        WeftError: a file is missing or a line of it is not understood, or no query has a relevant document.
    """
    if place.startswith("hf:"):
        raise WeftError("a TREC benchmark is a folder with qrels, topics and a table of documents")
    root = Path(place).expanduser()
    table = _find(root, documents, "documents.*", "docs.*", "corpus.*")
    if table.suffix.lower() not in READERS:
        raise WeftError(f"{table}: a table of documents ends in {', '.join(READERS)}")
    ids = (id,) if id else IDS
    things = tables.read([table], (*ids, "text", "title"), ("image",), folder=root, cache=cache, limit=limit)
    shown, titles = contents(things)
    found = corpus(things.ids(*ids), titles=titles, limit=limit, image_weight=weight, **shown)
    lines = _lines(_find(root, topics, "topics*", "queries*"), "query<TAB>text", "\t", 2)
    queries, _, counts = asked([line[0].strip() for line in lines], texts=[line[1].strip() for line in lines])
    pairs = [
        _judgement(line) for line in _lines(_find(root, qrels, "qrels*", "*.qrels"), "query 0 document grade", None, 4)
    ]
    judged, told = graded(found, queries.ids, pairs, threshold)
    task = retrieval(
        f"text-to-{modality(shown)}", queries, found, judged, threshold=threshold, primary=primary,
        metrics=tuple(dict.fromkeys((primary, *METRICS))), counts=counts | told,
    )  # fmt: skip
    return Benchmark(root.resolve().name, (task,), notes=("labels are trec_eval's: recall_k is our recall@k",))


def _find(root: Path, name: str, *patterns: str) -> Path:
    """The named file, or the only one that fits one of the patterns."""
    if name:
        patterns = (name,)
    for pattern in patterns:
        found = sorted(path for path in root.glob(pattern) if path.is_file())
        if len(found) > 1:
            raise WeftError(f"{root} holds {', '.join(path.name for path in found)}: which one? Name it by an option")
        if found:
            return found[0]
    raise WeftError(f"{root} has no file {' or '.join(patterns)}")


def _lines(path: Path, form: str, separator: str | None, parts: int) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise WeftError(f"{path} cannot be read: {error}") from None
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.split(separator) if separator is None else line.split(separator, parts - 1)
        if len(fields) != parts:
            raise WeftError(f"{path.name}, line {number}: {line[:60]!r} is not of the form {form}")
        found.append(fields)
    return found


def _judgement(line: list[str]) -> tuple[str, str, float]:
    try:
        return line[0], line[2], finite(line[3])
    except ValueError as error:
        raise WeftError(f"qrels: the grade of {' '.join(line)!r} is not a number ({error})") from None


def word(name: str) -> str:
    """An id as TREC's files hold it, without spaces."""
    return "_".join(name.split())


def words(names: Iterable[str]) -> list[str]:
    """The same of all ids of one kind; where two would become one, the second gets a number."""
    found: dict[str, None] = {}
    for name in names:
        own = word(name)
        found[own if own not in found else next(one for n in count(2) if (one := f"{own}_{n}") not in found)] = None
    return list(found)


def file_name(*parts: str) -> str:
    """A file's name from a model's, a benchmark's and a task's."""
    return "".join(c if c.isalnum() or c in "-+." else "_" for c in ".".join(filter(None, parts)))
