"""The baselines of the field by short name: where each lies, how it is opened, and the pins of their revisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from huggingface_hub import HfApi

from weft.errors import WeftError
from weft.files import read_json, write_json


@dataclass(frozen=True)
class KnownModel:
    """One published model.

    Attributes:
        hub: its Hugging Face id; "" where it is not on the hub.
        family: "transformers", "openclip", "llm2clip" or "vision"; see `weft.encoders.LOADERS`.
        millions: parameters of all towers.
        licence: of the weights, an id of the hub's list; "" where it could not be confirmed.
        note: what a reader of a table must know; "unconfirmed" marks what no second source said.
        query_prefix: put before queries, never before documents, as its authors or its published scores have it.
        also: further hub ids it reads (a tokenizer, a language model); they are pinned too.
        remote_code: it runs code from its repository.
        texts: whether it has a text tower.
        revision: a commit; "" is to be pinned.
    """

    hub: str
    family: str
    millions: int
    licence: str
    note: str = ""
    query_prefix: str = ""
    also: tuple[str, ...] = ()
    remote_code: bool = False
    texts: bool = True
    revision: str = ""


def _siglip(hub: str, millions: int) -> KnownModel:
    return KnownModel(f"google/{hub}", "transformers", millions, "apache-2.0")


PICKLED = "the main branch may hold a pickle only; transformers then reads the hub's own conversion to safetensors"
CODE = "the licence is its code's"
OPENCLIP = "no remote code: OpenCLIP's own model, preprocessing and tokenizer"

# Ids from the models' own cards and from public code that loads them, read in November 2026 without the hub.
KNOWN: dict[str, KnownModel] = {
    "siglip2-base-224": _siglip("siglip2-base-patch16-224", 375),
    "siglip2-base-256": _siglip("siglip2-base-patch16-256", 375),
    "siglip2-base-384": _siglip("siglip2-base-patch16-384", 375),
    "siglip2-base-512": _siglip("siglip2-base-patch16-512", 375),
    "siglip2-base-naflex": _siglip("siglip2-base-patch16-naflex", 375),
    "siglip2-large-256": _siglip("siglip2-large-patch16-256", 882),
    "siglip2-large-384": _siglip("siglip2-large-patch16-384", 882),
    "siglip2-large-512": _siglip("siglip2-large-patch16-512", 882),
    "siglip2-so400m-p14-224": _siglip("siglip2-so400m-patch14-224", 1136),
    "siglip2-so400m-p14-384": _siglip("siglip2-so400m-patch14-384", 1136),
    "siglip2-so400m-256": _siglip("siglip2-so400m-patch16-256", 1136),
    "siglip2-so400m-384": _siglip("siglip2-so400m-patch16-384", 1136),
    "siglip2-so400m-512": _siglip("siglip2-so400m-patch16-512", 1136),
    "siglip2-giant-opt-256": _siglip("siglip2-giant-opt-patch16-256", 1872),
    "siglip2-giant-opt-384": _siglip("siglip2-giant-opt-patch16-384", 1872),
    "siglip-base-224": _siglip("siglip-base-patch16-224", 203),
    "siglip-base-384": _siglip("siglip-base-patch16-384", 204),
    "siglip-so400m-384": _siglip("siglip-so400m-patch14-384", 878),
    "clip-b32": KnownModel("openai/clip-vit-base-patch32", "transformers", 151, "mit", f"{CODE}; {PICKLED}"),
    "clip-b16": KnownModel("openai/clip-vit-base-patch16", "transformers", 150, "mit", f"{CODE}; {PICKLED}"),
    "clip-l14": KnownModel("openai/clip-vit-large-patch14", "transformers", 428, "mit", CODE),
    "clip-l14-336": KnownModel("openai/clip-vit-large-patch14-336", "transformers", 428, "mit", f"{CODE}; {PICKLED}"),
    "siglip-webli-b16": KnownModel(
        "timm/ViT-B-16-SigLIP", "openclip", 203, "apache-2.0", "ViT-B-16-SigLIP webli in Marqo's tables"
    ),
    "laion-b16": KnownModel(
        "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
        "openclip",
        150,
        "mit",
        "ViT-B-16 laion2b_s34b_b88k in Marqo's tables; unconfirmed: OpenCLIP weights as safetensors",
    ),
    "marqo-fashionclip": KnownModel("Marqo/marqo-fashionCLIP", "openclip", 150, "apache-2.0", OPENCLIP),
    "marqo-fashionsiglip": KnownModel(
        "Marqo/marqo-fashionSigLIP", "openclip", 203, "apache-2.0", OPENCLIP, also=("timm/ViT-B-16-SigLIP",)
    ),
    "marqo-ecommerce-b": KnownModel(
        "Marqo/marqo-ecommerce-embeddings-B",
        "openclip",
        203,
        "apache-2.0",
        f"{OPENCLIP}; unconfirmed: its tokenizer's repository",
        also=("timm/ViT-B-16-SigLIP",),
    ),
    "marqo-ecommerce-l": KnownModel(
        "Marqo/marqo-ecommerce-embeddings-L",
        "openclip",
        652,
        "apache-2.0",
        f"{OPENCLIP}; unconfirmed: its tokenizer's repository",
        also=("timm/ViT-L-16-SigLIP-256",),
    ),
    "fashionclip": KnownModel("patrickjohncyh/fashion-clip", "transformers", 151, "mit", "FashionCLIP 2.0"),
    "openfashionclip": KnownModel(
        "",
        "openclip",
        151,
        "",
        "published as a pickle (finetuned_clip.pt, release open-fashion-clip of github.com/aimagelab/open-fashion-clip)"
        "; convert it once to a folder of open_clip_config.json (ViT-B-32) and open_clip_model.safetensors, and "
        "name that folder",
        query_prefix="a photo of a ",  # marqo-ai/marqo-FashionCLIP, its evaluation script for OpenFashionCLIP
    ),
    "llm2clip": KnownModel(
        "microsoft/LLM2CLIP-Openai-L-14-336",
        "llm2clip",
        579 + 8030,
        "apache-2.0",
        "its language model's licence: Llama 3 Community; its code imports transformers.onnx, which transformers 5 "
        "lacks: convert it, see weft.encoders.llm2clip",
        also=("microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", "openai/clip-vit-large-patch14-336"),
        remote_code=True,
    ),
    "moda-pro-lite": KnownModel(
        "HopitAI/moda-pro-lite", "openclip", 213, "apache-2.0", "unconfirmed: licence and parameters (a summary's)"
    ),
    "zooclaw": KnownModel("srpone/zooclaw-fashionsiglip2", "transformers", 375, "", "unconfirmed: licence"),
    "gr-lite": KnownModel(
        "srpone/gr-lite",
        "vision",
        303,
        "",
        "pictures only; 256 dimensions of its own search(); unconfirmed: licence, and that its code runs on "
        "transformers 5",
        remote_code=True,
        texts=False,
    ),
}


def known(name: str) -> KnownModel | None:
    """The record of a short name, a hub id or `hf-hub:` and a hub id; None where there is none."""
    hub = name.removeprefix("hf-hub:")
    return KNOWN.get(name) or next((model for model in KNOWN.values() if model.hub and model.hub == hub), None)


def near(name: str) -> str:
    """A hint at the short name that was perhaps meant, or ""."""
    close = get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


PICKLES = (".bin", ".pt", ".pth", ".ckpt")
PINS = Path("encoders.json")
"""Where `pin` writes and `weft.encoders.load` looks, in the current directory: a file to commit beside results."""


def pins(path: Path = PINS) -> dict[str, str]:
    """Hub id -> commit, as `pin` wrote them; empty where there is no file. Raises `WeftError` if it is damaged."""
    if not path.exists():
        return {}
    found = read_json(path).get("revisions")
    if not isinstance(found, dict) or not all(isinstance(sha, str) and sha for sha in found.values()):
        raise WeftError(f"{path} is damaged (no table of revisions); delete it and run `weft encoders pin` again")
    return found


def pin(names: Iterable[str] = (), path: Path = PINS) -> dict[str, str]:
    """Asks the hub for the present commits of models and writes them beside those already pinned.

    Args:
        names: short names or hub ids; none means all of `KNOWN`.

    A repository whose weights are a pickle is pinned to the hub's own conversion to safetensors, which transformers
    finds by itself only where no commit is named.

    Returns:
        Hub id -> commit (40 hex digits), all that the file now holds.

    Raises:
        WeftError: the hub does not answer, does not know one of them, or has its weights as a pickle alone; then
            nothing is written.
    """
    wanted: dict[str, None] = {}
    for name in names or KNOWN:
        model = known(name)
        if model is None and "/" not in name:
            raise WeftError(f"no encoder is called {name!r}{near(name)}; give one of {', '.join(KNOWN)}, or a hub id")
        if model is not None and not model.hub and names:
            raise WeftError(f"{name} is not on the hub and cannot be pinned: {model.note}")
        for hub in (model.hub, *model.also) if model else (name.removeprefix("hf-hub:"),):
            if hub:
                wanted[hub] = None
    table, api = pins(path), HfApi()
    for hub in wanted:
        try:
            sha = _commit(api, hub)
        except WeftError:
            raise
        except Exception as error:  # the hub's client lets its HTTP library's errors through: no kind is common to all
            raise WeftError(f"cannot pin {hub}: {_first(error)}; nothing was written to {path}") from None
        if not sha:
            raise WeftError(f"cannot pin {hub}: the hub names no commit; nothing was written to {path}")
        table[hub] = sha
    write_json(path, {"revisions": dict(sorted(table.items()))})
    return table


def _commit(api: HfApi, hub: str) -> str:
    info = api.model_info(hub)
    files = [file.rfilename for file in info.siblings or ()]
    if not any(name.endswith(PICKLES) for name in files) or any(name.endswith(".safetensors") for name in files):
        return info.sha  # of safetensors, or of a tokenizer alone
    asked = {"author": "SFconvertbot", "discussion_type": "pull_request", "discussion_status": "open"}
    for request in api.get_repo_discussions(hub, **asked):
        if request.title == "Adding `safetensors` variant of this model":
            return api.model_info(hub, revision=request.git_reference).sha
    raise WeftError(f"cannot pin {hub}: its weights are a pickle, and the hub has no conversion of them to safetensors")


def _first(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
