"""The model card: every sentence and number of it comes from what the run measured."""

from weft.publish import card_notes as notes
from weft.publish import card_tables as tables
from weft.publish.card_notes import Facts
from weft.publish.markdown import bullets, code, fenced, table, text
from weft.publish.metadata import hub_id, metadata
from weft.publish.private import without_paths
from weft.publish.run import Run
from weft.report.words import alphas, number

PAPER = "[arXiv 2606.27708](https://arxiv.org/abs/2606.27708)"


def card(run: Run, facts: Facts) -> str:
    """The whole README.md."""
    sections = [
        ("", _opening(run)),
        ("What it is", _what(run, facts)),
        ("Use", use(facts.onnx.get("opset", 0))),
        ("Results", tables.results(run)),
        ("Gains and losses", tables.gains_and_losses(run)),
        ("Alpha, and how it was chosen", _alpha(run, facts)),
        ("Smaller vectors and exported towers", tables.smaller(facts.compact, facts.onnx)),
        ("Training data", tables.data(run)),
        ("Recipe", tables.recipe(run)),
        ("Contamination", tables.contamination(run)),
        ("Audit", _audit(run)),
        ("Intended use", notes.intended()),
        ("Limits", notes.limits(run, facts)),
        ("Licence", notes.licence(run, facts)),
        ("Reproduce", notes.reproduce(run)),
        ("Cite", notes.cite(run)),
        ("Files", notes.files(facts)),
    ]
    head = metadata(run, facts.model["model_type"], facts.licence, bool(facts.onnx))
    parts = [f"## {title}\n\n{body}" if title else body for title, body in sections if body]
    return head + "\n" + "\n\n".join(parts) + "\n"


def _opening(run: Run) -> str:
    verdict = text(run.results["verdict"].get("sentence", ""), 2000)
    scatter = "![In-domain against out-of-domain scores of each model](figures/scatter.png)"
    return "\n\n".join([f"# {text(run.name)}", verdict, scatter if _drawn(run) else ""]).strip()


def _drawn(run: Run) -> bool:
    return len(run.results["models"]) > 3  # base, tuned, woven and BM25


def _what(run: Run, facts: Facts) -> str:
    model, catalogue = facts.model, text(run.catalogue, 300)
    kind = {"sigmoid": "a sigmoid head (SigLIP)", "softmax": "a softmax head (CLIP)"}[model["head"]]
    case = "lower-cased, " if model["head"] == "sigmoid" else ""
    did = "Specialised for" if run.ours == "woven" else "Trained on"
    told = (
        "A vision-language encoder: pictures and texts become unit vectors in one space, and a product is found by the "
        f"nearest vector. {did} the catalogue {catalogue} by Weft {facts.versions['weft']}, an open implementation of "
        f"the system of {PAPER}. {_made(run)}"
    )
    lines = [
        f"{number(model['parameters'])} parameters, {kind}, {model['dim']} dimensions",
        f"pictures: {model['image']}",
        f"texts: {case}padded and cut to {model['max_tokens']} tokens",
    ]
    return f"{told}\n\n{bullets(lines)}"


def _made(run: Run) -> str:
    """How the weights came about, in one sentence, from the settings of the run."""
    if run.ours != "woven":
        return "It was trained from nothing; there is no base to fall back to, so nothing was interpolated."
    train, soup = run.settings["train"], run.settings["weave"].get("soup") or ()
    base = f"[{hub_id(run)}](https://huggingface.co/{hub_id(run)})" if hub_id(run) else code(without_paths(run.base))
    rank = train.get("lora_rank")
    moved = f"low-rank updates (LoRA, rank {rank}) trained" if rank else "every weight fine-tuned"
    frozen = [tower for tower in ("image", "text") if train.get(f"{tower}_lr") == 0]
    kept = any(train.get(name) for name in ("lwf_weight", "lwf_text_weight", "lwf_similarity_weight"))
    kept |= bool(train.get("reference") and train.get("reference_weight", 1.0))
    return (
        f"It was made from {base}: {moved} on the catalogue with graded contrastive losses"
        + (f", the {frozen[0]} tower frozen" if frozen else "")
        + (" and distillation from the frozen base" if kept else "")
        + (", other pictures with texts learnt along (replay)" if train.get("replay_weight") else "")
        + (f", merged with {len(soup)} more so trained" if soup else "")
        + ", then interpolated back towards the base (WiSE-FT) at alpha "
        + alphas(run.alpha)
        + "."
    )


def use(opset: int = 0) -> str:
    """How to load it, in Python that runs in the folder; with ONNX where there is an opset."""
    plain = """
import torch
from PIL import Image, ImageOps
from transformers import AutoModel, AutoProcessor


def opened(path):
    # as the model has learnt pictures: upright, transparency on white
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


place = "."  # this folder, or its id on the hub
model, processor = AutoModel.from_pretrained(place).eval(), AutoProcessor.from_pretrained(place)
inputs = processor(text=["red dress"], images=[opened("dress.jpg")], return_tensors="pt")
with torch.no_grad():
    found = model(**inputs)
cosines = found.text_embeds @ found.image_embeds.T  # both are unit vectors
"""
    sbert = """
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(".")
texts, pictures = model.encode(["red dress"]), model.encode([opened("dress.jpg")])
"""
    exported = """
import onnxruntime

texts = processor(text=["red dress"], return_tensors="np")  # the processor pads as the folder says
session = onnxruntime.InferenceSession("onnx/text_model_int8.onnx")
(vectors,) = session.run(None, {one.name: texts[one.name] for one in session.get_inputs()})
"""
    parts = [
        "With transformers 5:",
        fenced(plain, "python"),
        "With sentence-transformers 6, the same vectors; the folder tells it how texts are padded:",
        fenced(sbert, "python"),
    ]
    if opset:
        parts += [f"With onnxruntime (opset {opset}, any batch size):", fenced(exported, "python")]
    parts.append(
        "From OpenCLIP code: the adapter in Weft's `docs/publishing.md` gives `encode_image`, `encode_text`, a "
        "transform and a tokenizer."
    )
    return "\n\n".join(parts)


def _alpha(run: Run, facts: Facts) -> str:
    alpha = run.alpha
    if run.ours != "woven":
        return ""
    measured = ", ".join(number(one) for one in alpha.get("measured", ()))
    told = (
        f"Alpha {alphas(alpha)} (0 is the base, 1 the fine-tuned model): {text(alpha['rule'], 400)}. It was "
        "chosen on development queries; the test queries of the tables on this page had no part in it."
    )
    true = f" True weights were evaluated at {measured}; the other points are estimated from the endpoints' embeddings."
    note = f" {text(alpha['note'], 400)}." if alpha.get("note") else ""
    drawn = "alpha.png" in facts.figures
    curve = "\n\n![Development scores of each task along alpha](figures/alpha.png)" if drawn else ""
    return told + (true if measured else "") + note + curve + "\n\n" + tables.alpha(alpha)


def _audit(run: Run) -> str:
    """What `weft.audit` found in the benchmark itself, if that was asked."""
    if not run.audit:
        return ""
    rows = [
        tuple(text(one.get(name, ""), 400) for name in ("severity", "task", "sentence"))
        for one in run.audit.get("findings") or []
    ]
    return "The benchmark itself was audited; all of it is in `evidence/audit.json`.\n\n" + table(
        ("severity", "task", "finding"), rows, words=3
    )
