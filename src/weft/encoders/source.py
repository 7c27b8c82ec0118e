"""What a model's name means: its files, its family (told by the files, never by the name) and its revision."""

import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from huggingface_hub import snapshot_download

from weft.encoders.base import cannot_open
from weft.encoders.registry import PINS, known, near, pins
from weft.errors import WeftError

DEMO = Path(str(resources.files("weft"))) / "demo" / "base"

PLAIN = {"SiglipModel", "Siglip2Model", "CLIPModel"}  # what `transformers` builds from config.json without other code
SMALL = ["*.json", "*.txt", "*.model"]  # configs and tokenizers; never a pickle, never code
VISION = {"dinov2", "dinov2_with_registers", "dinov3_vit"}


@dataclass(frozen=True)
class Source:
    """Where a model lies and who opens it.

    Attributes:
        name: what tables call it.
        family: a key of `weft.encoders.LOADERS`.
        place: a local folder, a hub id, or `module:NAME`.
        revision: a commit or "main"; a local folder has none.
        pinned: the whole table of pins, hub id -> commit, for what else it reads.
    """

    name: str
    family: str
    place: str
    revision: str = "main"
    pinned: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def local(self) -> bool:
        return Path(self.place).is_dir()

    def files(self, patterns: list[str]) -> Path:
        """The local folder, or those files from the hub in Hugging Face's cache. Raises `WeftError`."""
        return Path(self.place) if self.local else download(self.place, self.revision, patterns)


def split_name(spec: str) -> tuple[str, str]:
    """NAME and MODEL of "NAME=MODEL", NAME "" where none is given; a path that itself has an equals sign is a model."""
    name, sign, place = spec.partition("=")
    return (name.strip(), place.strip()) if sign and not Path(spec).exists() else ("", spec)


def find(name: str, pinned: Path = PINS) -> Source:
    """Looks up a short name, `demo`, `python:...`, `hf-hub:...`, a local folder or a hub id, in this order.

    Raises:
        WeftError: nothing is there, or it is of no known family.
    """
    if name == "demo":
        return Source(name, "transformers", str(DEMO))
    if name.startswith("python:"):
        return Source(name, "python", name.removeprefix("python:"))
    model = known(name)
    if model is None and Path(name).is_dir():
        return Source(Path(name).resolve().name, family_of(Path(name), name), name)
    if model and not model.hub:
        raise WeftError(f"{name} is not on the hub: {model.note}")
    hub = model.hub if model else name.removeprefix("hf-hub:")
    table = pins(pinned)
    revision = table.get(hub) or (model.revision if model else "") or "main"
    if name.startswith("hf-hub:"):  # OpenCLIP's own way of saying that a hub id is for OpenCLIP
        return Source(name, "openclip", hub, revision, table)
    if model:
        return Source(name, model.family, hub, revision, table)
    try:
        return Source(name, family_of(download(hub, revision, SMALL), name), hub, revision, table)
    except WeftError as error:
        raise WeftError(f"{error}{near(name)}") from None


def download(hub: str, revision: str, patterns: list[str]) -> Path:
    """Those files of a hub id, in Hugging Face's cache. Raises `WeftError`."""
    try:
        return Path(snapshot_download(hub, revision=revision, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        raise cannot_open(hub, error) from None


def family_of(folder: Path, name: str) -> str:
    """The family of a folder, by its files; `name` is for the error message.

    A folder may serve several libraries: plain `transformers` comes first, because it needs no extra and can be
    trained; then OpenCLIP, which spares the remote code that such folders offer to `transformers`.

    Raises:
        WeftError: there is no config, or a damaged one.
    """
    config = _json(folder / "config.json")
    plain = config.get("architectures") and set(config["architectures"]) <= PLAIN and "auto_map" not in config
    if (folder / "llm2clip.json").exists():
        return "llm2clip"
    if plain and _only_a_model(folder / "modules.json"):
        return "transformers"
    if (folder / "open_clip_config.json").exists():
        return "openclip"
    if (folder / "modules.json").exists():
        return "sbert"
    if "auto_map" in config and "llm2clip" in str(config).lower():
        return "llm2clip"
    if "auto_map" in config or config.get("model_type") in VISION:
        return "vision"
    if not config:
        raise cannot_open(
            name, OSError("it holds no config.json, open_clip_config.json, modules.json or llm2clip.json")
        )
    return "transformers"


def _only_a_model(modules: Path) -> bool:
    """Whether sentence-transformers does no more than normalise what the `transformers` model gives."""
    kinds = [str(part.get("type", "")).rpartition(".")[2] for part in _json(modules) or []]
    return set(kinds) <= {"Transformer", "CLIPModel", "Normalize"}


def _json(path: Path):
    """The contents of a JSON file, {} where there is none. Raises `WeftError` if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeftError(f"{path} is damaged ({error}); copy the model's folder again") from None
