"""The end of a model card: what the model is for and not for, its limits, licence, and how to make it again."""

from dataclasses import dataclass

from weft.publish.markdown import bullets, fenced, table, text
from weft.publish.run import Run
from weft.report.html import clean
from weft.report.words import percent


@dataclass(frozen=True)
class Facts:
    """What the card says beside the run's own results.

    Attributes:
        model: facts of the weights: model_type, head, dim, max_tokens, parameters, image (a phrase).
        licence: an id of the hub's list, or "".
        compact: `compact.json`. onnx: what `weft.publish.onnx.export` found, {} without.
        figures: names of the pictures that could be drawn.
        versions: of what published it.
    """

    model: dict
    licence: str
    compact: dict
    onnx: dict
    figures: tuple[str, ...]
    versions: dict[str, str]


def intended() -> str:
    return (
        "Finding products of this catalogue, or of one like it, by a text or by a picture; finding similar products; "
        "sorting products into named categories. Evaluate it on your own queries before you rely on it: "
        "`weft evaluate FOLDER --on own=RUN/curate`.\n\n"
        "Not intended for recognising or judging people, or for decisions about them; a photo of a person who wears a "
        "product is a photo of a product here."
    )


def limits(run: Run, facts: Facts) -> str:
    results = run.results
    losses, undecided = (results["verdict"].get(name) or [] for name in ("losses", "undecided"))
    cut = results.get("lengths", {}).get("cut_share")
    logged = any(run.settings.get("query_log", {}).get(key) for key in ("path", "local"))
    said = [
        f"{len(losses)} comparisons point downwards; each is listed above." if losses else "",
        f"On {len(undecided)} comparisons the queries do not tell." if undecided else "",
        "" if logged else "Test queries were written from product attributes; no shopper typed them.",
        f"A text beyond {facts.model['max_tokens']} tokens is cut"
        + (f": of the test queries {percent(cut)}%." if cut is not None else "."),
        "BM25 over titles stands in the table: where titles hold the words that shoppers type, it may be all you need."
        if "bm25" in results["models"]
        else "",
        "A product answers a query when its attributes say so: where a catalogue's attributes are wrong, so is the "
        "score.",
        "Shorter and quantised vectors were not trained for; their losses are measured above, on this catalogue only.",
        "Words, styles and skin tones that the catalogue lacks were not learnt from it; what the base knew of them may "
        "have changed by as much as the out-of-domain rows say, and on other things by an unknown amount."
        if run.ours == "woven"
        else "It knows nothing beyond its training catalogue.",
    ]
    return bullets(one for one in said if one)


def licence(run: Run, facts: Facts) -> str:
    base = run.base_licence
    ours = f"These weights: `{facts.licence}`." if facts.licence else "No licence was stated for these weights."
    theirs = f" The base's weights: `{base}`." if base else " The licence of the base's weights is not known to Weft."
    return (
        f"{ours}{theirs if run.base else ''} Check that your rights in the catalogue's pictures and texts allow what "
        "you do with a model trained on them. Weft itself: Apache-2.0."
    )


def reproduce(run: Run) -> str:
    name = " ".join(clean(run.name).split()).replace("`", "'")
    settings = f"weft run evidence/recipe.toml   # seed {run.seed}\nweft publish runs/{name}"
    versions = ", ".join(f"{text(name)} {text(one)}" for name, one in run.results.get("environment", {}).items())
    return (
        fenced(settings)
        + f"\n\nMade with {versions}. With the same data, versions and thread count the same recipe ends with the same "
        "weights, bit by bit. Folders of the machine it ran on appear in the recipe by their last name only: put your "
        "own there. `evidence/manifests.json` has every setting and the keys of all inputs."
    )


def cite(run: Run) -> str:
    entries = """
@software{weft,
  title = {Weft: specialise a vision-language encoder for a catalogue without losing what it knew},
  author = {{The Weft maintainers}},
  version = {VERSION}
}
@article{xue2026distilled,
  title = {Distilled Fine-tuning for Robust Fashion Retrieval},
  author = {Xue and Xu},
  journal = {arXiv:2606.27708},
  year = {2026}
}
@inproceedings{wortsman2022robust,
  title = {Robust fine-tuning of zero-shot models},
  author = {Wortsman, Mitchell and others},
  booktitle = {CVPR},
  year = {2022},
  note = {arXiv:2109.01903}
}
"""
    return fenced(entries.replace("VERSION", run.manifests["weave"]["versions"]["weft"]), "bibtex")


def files(facts: Facts) -> str:
    told = [
        ("`model.safetensors`, `config.json`, processor, tokenizer", "the model, for transformers"),
        ("`modules.json`, `1_Normalize/`, `*sentence*.json`", "the same folder for sentence-transformers"),
        ("`onnx/`", "both towers, float32 and int8") if facts.onnx else None,
        ("`compact.json`", "what smaller vectors lose, for programs"),
        ("`evidence/`", "TREC runs and qrels, per-query scores, results, alpha's curve, recipe, manifests"),
        ("`weft_trained_on.parquet`", "ids and hashes of what it was trained on: others can tell contamination"),
        ("`SHA256SUMS`", "`sha256sum -c SHA256SUMS`"),
    ]
    return table(("file", "what"), [one for one in told if one], words=2)
