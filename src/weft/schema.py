"""The records that pass between the stages; every other module speaks in these."""

from dataclasses import dataclass, field

SPLITS = ("train", "dev", "test", "zero-dev", "zero-test", "dropped")
"""Where a product may end up. `zero-*` holds whole brands that training never sees; `dropped` products
stay in the gallery but are neither trained on nor asked for."""

RELEVANT = 2.0
"""The lowest of the grades 0 to 3 that counts as relevant in metrics that know only yes and no."""


@dataclass(frozen=True, slots=True)
class Product:
    """One thing that can be bought, as a source gives it. Retrieval returns products, not pictures.

    Attributes:
        id: the catalogue's own identifier, unique within the source.
        images: encoded pictures (JPEG, PNG, WebP ... bytes), in the catalogue's order; at least one.
        attributes: lower-cased name -> values, for instance {"material": ("cotton", "linen")}.
        variant: products that share it are one garment in several colours or sizes.
        texts: language code -> text for shops that write in several.
    """

    id: str
    images: tuple[bytes, ...]
    title: str = ""
    description: str = ""
    brand: str = ""
    category: str = ""
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variant: str = ""
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row or picture that could not be used; it is listed, never lost. Lands in `skipped.jsonl`."""

    source: str
    item: str
    reason: str
