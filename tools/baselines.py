"""Writes `expected/baselines.toml`, what others published, in Weft's names, from a table of published scores.

python tools/baselines.py published_scores.csv

The table has the columns benchmark, task, model, metric, value (a fraction) and source, as its sources call things.
What has no counterpart here is left out, counted by reason on stderr.
"""

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from weft.benchmarks import BENCHMARKS
from weft.progress import say

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.005

MODELS = {  # as the sources call them -> `weft.encoders.registry.KNOWN`
    "CLIP-L/14": "clip-l14-336",
    "FashionCLIP": "fashionclip",
    "FashionCLIP2.0": "fashionclip",
    "GR-Lite": "gr-lite",
    "LLM2CLIP": "llm2clip",
    "Marqo-FashionCLIP": "marqo-fashionclip",
    "Marqo-fashionCLIP": "marqo-fashionclip",
    "Marqo-FashionSigLIP": "marqo-fashionsiglip",
    "Marqo-fashionSigLIP": "marqo-fashionsiglip",
    "OpenFashionCLIP": "openfashionclip",
    "SigLIP2-B/16": "siglip2-base-384",
    "SigLIP2-B/16 (zero-shot)": "siglip2-base-384",
    "SigLIP2-L/16": "siglip2-large-384",
    "ViT-B-16-SigLIP-webli": "siglip-webli-b16",
    "ViT-B-16-laion2b_s34b_b88k": "laion-b16",
    "ViT-SO400M-14-SigLIP-384 webli": "siglip-so400m-384",
    "ZooClaw-FashionSigLIP2": "zooclaw",
}
AMBIGUOUS = "CLIP-B/32"  # of LookBench: its page says B/32, its repository the same scores under B/16

MARQO = {str(known.options["dataset"]): name for name, known in BENCHMARKS.items() if known.module == "marqo"}
MARQO_METRICS = {
    "Recall@1": "recall@1",
    "Recall@10": "recall@10",
    "P@1": "precision@1",
    "P@10": "precision@10",
    "MRR": "mrr@10",
    "MAP@10 (pytrec_eval map_cut.10)": "map_all@10",
}
TEXT_TO_IMAGE = {  # the model-makers' own benchmarks -> name and task
    "ZooClaw-Fashion (short query)": ("zooclaw", "text-to-image/short"),
    "ZooClaw-Fashion (long query)": ("zooclaw", "text-to-image/long"),
    "H&M": ("hm", "text-to-image"),
}
LOOKBENCH = {
    "LookBench Real Studio": "real_studio_flat",
    "LookBench AI-Gen Studio": "aigen_studio",
    "LookBench Real StreetLook": "real_streetlook",
    "LookBench AI-Gen StreetLook": "aigen_streetlook",
}
LOOKBENCH_METRICS = {  # -> task and metric
    "Fine Recall": ("fine", "hit_rate"),
    "Coarse Recall": ("coarse", "hit_rate"),
    "nDCG": ("attributes", "ndcg"),
}

HEAD = f"""
What others published of the models in src/weft/encoders/registry.py: `weft evaluate` holds its own scores against it,
and a baseline is called verified on a task only where it has reproduced every score of it that was measured.
Written by tools/baselines.py; correct that, not this.

tolerance: {TOLERANCE}. Sources print three or four decimals (half a unit of the third is 0.0005), and libraries resize
pictures, half precision rounds and ties break in slightly other ways: together worth a few of 1,000 to 2,000 queries.
Leaving out lower-casing or padding costs SigLIP 2 several points. The tolerance is the same where a task has few
queries (KAGL's category tasks 4 to 142; LookBench's AI-generated subsets 160 and 193, by the scores' own arithmetic):
there one query is more than it, and such a row may be off where the same model is verified by thousands beside it.

revision: "", since no source says which commit of the weights it ran.

Names. Marqo: "Recall@k" is true recall, recall@k; "P@k" precision@k; "MRR" is over the ten results that its script
keeps, mrr@10; "MAP@10" of hopit-ai/Moda is trec_eval's map_cut, map_all@10. ZooClaw, H&M and LookBench: "Recall@k" is
1 where any right answer is in the top k, hit_rate@k. ZooClaw's are over in-domain and zero-shot queries together:
--on "zooclaw?together=1". LookBench says that its "Fine Recall" is of all attributes; others came near it only by the
main one (src/weft/benchmarks/lookbench.py).

Models. SigLIP2-B/16 and L/16 are those of 384 pixels and CLIP-L/14 that of 336, as the table in LookBench's repository
says; ViT-SO400M-14-SigLIP-384 is OpenCLIP's copy of Google's weights. Of LLM2CLIP no source says which one: the one
for OpenAI's L/14-336 is assumed.
"""


def named(row: Mapping[str, str]) -> tuple[str, str, str, str] | str:
    """(model, benchmark, task, metric) of a row in Weft's names, or why it is left out."""
    benchmark, task, model, metric = (row[key] for key in ("benchmark", "task", "model", "metric"))
    if metric.startswith("Avg"):
        return "a mean of two metrics that are there"
    if benchmark.startswith("Fashion200k (pooled"):
        return "Fashion200k judged anew: another ground truth"
    if model == AMBIGUOUS:
        return f"{model}: two sources call the same scores by two models"
    if model not in MODELS:
        return "a model that has no short name"
    where: tuple[str, str, str] | None = None
    base, _, cut = metric.partition("@")
    if benchmark in MARQO and metric in MARQO_METRICS:
        where = MARQO[benchmark], task.lower(), MARQO_METRICS[metric]
    elif benchmark in TEXT_TO_IMAGE and base in ("Recall", "MRR") and cut:
        where = (*TEXT_TO_IMAGE[benchmark], f"{'mrr' if base == 'MRR' else 'hit_rate'}@{cut}")
    elif benchmark in LOOKBENCH and base in LOOKBENCH_METRICS:
        kind, name = LOOKBENCH_METRICS[base]
        where = "lookbench", f"{LOOKBENCH[benchmark]}/{kind}", f"{name}@{cut}"
    return (MODELS[model], *where) if where else f"no counterpart of {benchmark}, {task}, {metric}"


def tables(rows: Iterable[Mapping[str, str]]) -> tuple[dict, Counter]:
    """(source, benchmark, model) -> task -> metric -> value, in the order of the rows; and why others are left out.

    Raises:
        ValueError: a value is no fraction, or two rows are of one score.
    """
    found: dict[tuple[str, str, str], dict[str, dict[str, float]]] = {}
    left_out: Counter = Counter()
    for row in rows:
        place = named(row)
        if isinstance(place, str):
            left_out[place] += 1
            continue
        model, benchmark, task, metric = place
        value = round(float(row["value"]), 6)  # 0.41200000000000003 was a percentage, divided
        scores = found.setdefault((row["source"], benchmark, model), {}).setdefault(task, {})
        if not (math.isfinite(value) and 0 <= value <= 1) or metric in scores:
            raise ValueError(f"not a fraction, or there twice: {dict(row)}")
        scores[metric] = value
    return found, left_out


def toml(found: Mapping) -> str:
    """The file that `weft.fidelity.read` reads."""
    lines = [f"# {line}".rstrip() for line in HEAD.strip().splitlines()]
    for (source, benchmark, model), tasks in found.items():
        lines += ["", "[[baseline]]", f'model = "{model}"', 'revision = ""', f'benchmark = "{benchmark}"']
        lines += [f"source = {json.dumps(source, ensure_ascii=False)}", f"tolerance = {TOLERANCE}"]
        for task, scores in tasks.items():
            told = ", ".join(f'"{metric}" = {value!r}' for metric, value in scores.items())
            lines.append(f'scores."{task}" = {{ {told} }}')
    return "\n".join(lines) + "\n"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(path: str) -> None:
    found, left_out = tables(read(Path(path)))
    (ROOT / "expected").mkdir(exist_ok=True)
    (ROOT / "expected" / "baselines.toml").write_text(toml(found), encoding="utf-8")
    kept = sum(len(scores) for tasks in found.values() for scores in tasks.values())
    say(f"{kept:>5} scores of {len({model for *_, model in found})} models in expected/baselines.toml; left out:")
    for reason, count in left_out.most_common():
        say(f"{count:>5} {reason}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
