"""Fashion200k as M-BEIR poses it (1,719 queries of 2.8 relevant pictures each): not Marqo's benchmark of that name.

Task 0 finds pictures by a caption (hub `MRBench/mbeir_fashion200k_task0`), task 3 captions by a picture (`..._task3`).
MTEB calls them Fashion200kT2IRetrieval and Fashion200kI2TRetrieval; the layout and labels are MTEB's (`mteb.py`).
Wei et al., "UniIR", ECCV 2024, report Recall@10 with any relevant candidate found: our hit_rate@10.
"""

from pathlib import Path

from weft.benchmarks import mteb
from weft.benchmarks.record import Benchmark


def read(place: str, known, *, cache: Path | None = None, limit: int = 0, split: str = "", task: int = 0) -> Benchmark:
    """Reads one of the two tasks.

    Args:
        task: 0 for text-to-image, 3 for image-to-text; it decides nothing but the name, the data say the rest.

    Raises:
        WeftError: as `mteb.read`.
    """
    found = mteb.one_task(place, known, cache, limit, split)
    notes = (
        f"Fashion200k in M-BEIR, task {task}: other queries, answers and corpus than Marqo's Fashion200k",
        "UniIR's Recall@10 is our hit_rate@10; MTEB's recall_at_10 our recall@10",
    )
    return Benchmark(f"Fashion200k (M-BEIR task {task})", (found,), notes=notes)
