"""What a recipe says about one source: where it lies, what its columns mean, which rows are wanted."""

from dataclasses import dataclass, field

from weft.errors import WeftError

TAKEN = ("title", "brand", "category", "asked")
"""What Weft itself calls a product's statements; an attribute of the same name would be one of two."""


@dataclass(frozen=True)
class Columns:
    """Names of the table's columns; an empty name means that the source has no such thing."""

    id: str = ""  # empty: ids are row numbers, row-000123
    image: str = ""
    title: str = ""
    description: str = ""
    brand: str = ""
    category: str = ""
    variant: str = ""  # rows that share it are one garment in several colours or sizes
    attributes: dict[str, str] = field(default_factory=dict)  # attribute name -> column
    texts: dict[str, str] = field(default_factory=dict)  # language code -> column

    def __post_init__(self) -> None:
        for name in self.attributes:
            if name.lower().strip() in TAKEN or "=" in name:
                raise WeftError(
                    f"an attribute cannot be called {name!r}: columns.attributes names them as you like, "
                    f"only without '=' and not {', '.join(TAKEN)}"
                )

    def all(self) -> list[str]:
        """Every mapped column, once."""
        single = (self.id, self.image, self.title, self.description, self.brand, self.category, self.variant)
        return list(dict.fromkeys(c for c in (*single, *self.attributes.values(), *self.texts.values()) if c))


@dataclass(frozen=True)
class SourceSpec:
    """One source of products, or a query log."""

    path: str = ""  # a file, a folder, a glob, `hf:owner/name`, or `demo:...`
    local: str = ""  # a local copy, taken instead of `path` when it is set
    image_folder: str = ""  # what image paths are relative to; empty: the table's own folder
    config: str = ""  # Hugging Face config
    split: str = ""  # Hugging Face split; of a file, the rows whose column "split" says so
    revision: str = ""  # pinned revision of a Hugging Face dataset
    columns: Columns = Columns()
    local_columns: Columns = Columns()  # of the local copy, where its columns are named otherwise
    brand_from_title: bool = False  # the title's first word is the brand: lower case, without punctuation
    title_words: bool = False  # the title's words that no attribute holds become attribute "words"
    title_template: str = ""  # titles for pictures that have none: "a photo of a {label}", filled from columns
    keep_brands: tuple[float, float] = (0.0, 1.0)  # keep brands whose `brand_share` lies in [a, b)
    where: dict[str, str] = field(default_factory=dict)  # column -> required value, compared as text
    share: float = 1.0  # keep this share of the products, chosen by their id's hash
    limit: int = 0  # at most this many products; 0 = all
    id_prefix: str = ""
    train_only: bool = False  # never dev or test: captions that many pictures share would make one family of them

    @property
    def place(self) -> str:
        """Where it is read from: the local copy if there is one."""
        return self.local or self.path
