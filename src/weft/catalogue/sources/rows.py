"""From a table's rows to products: every row becomes one product, or one listed skip."""

import contextlib
import difflib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weft.catalogue import images
from weft.catalogue.sources import text
from weft.catalogue.sources.spec import SourceSpec
from weft.engine import beside
from weft.errors import WeftError
from weft.schema import Product, Skipped

MAX_BYTES = 1 << 28
"""A picture file above this size is refused unread."""


ROWS_EACH = 32
"""Rows whose pictures one worker checks at once, where there are several."""

WORDLESS = "no text"


@dataclass
class Counts:
    """What became of the rows: rows = products + skipped + left_out, at every moment.

    Attributes:
        left_out: rows that the spec does not want (`where`, `split`, `keep_brands`, `share`).
        bad_images: damaged pictures of products that were kept because another picture is good.
    """

    rows: int = 0
    products: int = 0
    skipped: int = 0
    left_out: int = 0
    bad_images: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rows} rows = {self.products} products + {self.skipped} skipped + {self.left_out} not wanted;"
            f" {self.bad_images} bad pictures of kept products"
        )

    def why(self, skipped: Sequence[Skipped]) -> str:
        """What became of a source of which nothing is left."""
        if not self.rows:
            return "it is empty"
        reasons = Counter(item.reason for item in skipped).most_common(1)
        most = f", most often because: {reasons[0][0]}" if reasons else ""
        return f"of {self.rows} rows {self.left_out} are not asked for, and the others are skipped{most}"


@dataclass(frozen=True)
class Table:
    """What a reader gives: the columns it found, and its rows.

    Attributes:
        columns: the names, in the table's order.
        parts: for each file its rows, each a dict of column -> value or the reason (str) why that row could not be
            read; and what reads its pictures: an image cell's path -> bytes, or `ImageError`. Of every file its own,
            because a path begins where the file lies that says it.
    """

    columns: list[str]
    parts: list[tuple[Iterator[dict | str], Callable[[str], bytes]]]

    @property
    def rows(self) -> Iterator[dict | str]:
        return itertools.chain.from_iterable(rows for rows, _ in self.parts)

    @property
    def load(self) -> Callable[[str], bytes]:
        """What reads the pictures of the first part, for tables that have only one."""
        return self.parts[0][1]


def wanted(spec: SourceSpec) -> list[str]:
    """The columns that a spec needs, so that readers leave the others on the disk."""
    extra = [*spec.where, *_FIELD.findall(spec.title_template)]
    return list(dict.fromkeys([*spec.columns.all(), *extra]))


_FIELD = re.compile(r"\{([^{}]+)\}")


def require(names: list[str], available: list[str], place: str) -> None:
    """Raises `WeftError`, with the nearest name and all the others, if a mapped column is not there."""
    for name in names:
        if name not in available:
            near = difflib.get_close_matches(name, available, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise WeftError(f"{place} has no column {name!r}{hint}. Its columns are {', '.join(available)}")


def loaders(files: Sequence[Path], image_folder: str) -> list[Callable[[str], bytes]]:
    """What reads the pictures that each file names: from `image_folder`, or else from beside the file."""
    made: dict[Path, Callable[[str], bytes]] = {}
    folders = [Path(image_folder).expanduser() if image_folder else file.parent for file in files]
    return [made.get(folder) or made.setdefault(folder, folder_loader(folder)) for folder in folders]


def folder_loader(folder: Path) -> Callable[[str], bytes]:
    """Reads pictures below `folder` and nowhere else: "../" and links that lead out are refused."""
    root = folder.resolve()

    def load(name: str) -> bytes:
        if name.startswith(("http://", "https://")):
            raise images.ImageError(f"{name!r} is an address, and nothing is fetched: download it and name its file")
        try:
            file = (root / name).resolve()
            if not file.is_relative_to(root):
                raise images.ImageError(f"{name!r} lies outside the image folder")
            if not file.is_file():
                raise images.ImageError(f"there is no file {name!r} in the image folder")
            if file.stat().st_size > MAX_BYTES:
                raise images.ImageError(f"{name!r} is larger than {MAX_BYTES >> 20} MB")
            return file.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:  # unreadable, a NUL in the name, a loop of links
            raise images.ImageError(f"cannot read {name!r}: {error}") from None

    return load


def products(
    spec: SourceSpec, table: Table, counts: Counts, min_side: int = images.MIN_SIDE, wordless: bool = False
) -> Iterator[Product | Skipped]:
    """One `Product` or one `Skipped` for each wanted row, and a `Skipped` "id#n" for picture n of a kept product.

    A product needs an id of its own, words (title, description, category, attributes or texts; not where it may be
    `wordless`) and at least one sound picture; every picture is decoded once to know.
    """
    seen: set[str] = set()
    check = Check([load for _, load in table.parts], min_side)
    rows = ((part, row) for part, (rows, _) in enumerate(table.parts) for row in rows)
    drafts = ((part, _draft(spec, number, row, seen)) for number, (part, row) in enumerate(rows))
    for (_, draft), (good, bad) in beside(check, drafts, lambda one: (one[0], one[1].cell), each=ROWS_EACH):
        counts.rows += 1
        if draft.identity not in seen and draft.left_out:
            counts.left_out += 1
            continue
        reason = "duplicate id" if draft.identity in seen else draft.reason
        if reason == WORDLESS and wordless:
            reason = ""
        if reason or not good:
            counts.skipped += 1
            yield Skipped(spec.place, draft.item, reason or _unusable(bad))
            continue
        for n, why in bad:
            counts.bad_images += 1
            yield Skipped(spec.place, f"{draft.item}#{n}", why)
        seen.add(draft.identity)
        counts.products += 1
        yield Product(id=draft.identity, images=tuple(good), **draft.words)
        if spec.limit and counts.products >= spec.limit:
            return


def _unusable(bad: list[tuple[int, str]]) -> str:
    reasons = "; ".join(f"{n}: {reason}" if len(bad) > 1 else reason for n, reason in bad[:3])
    return f"no usable picture: {reasons}" if bad else "no picture"


@dataclass(frozen=True)
class _Draft:
    """A row before its pictures are looked at. identity: "" where it is not wanted, whatever else it is; cell: its
    pictures; reason: why it cannot become a product."""

    item: str
    identity: str = ""
    words: dict = field(default_factory=dict)
    cell: object = None
    reason: str = ""
    left_out: bool = False


def _draft(spec: SourceSpec, number: int, row: dict | str, seen: set[str]) -> _Draft:
    """What a row is by its words. `seen` may lack ids of the rows just before it: rows are read ahead of workers."""
    item = f"row-{number:06d}"
    if isinstance(row, str):
        return _Draft(item, reason=row)
    if not matches(spec, row):
        return _Draft(item, left_out=True)
    identity = text.clean(row.get(spec.columns.id)) if spec.columns.id else item
    if not identity:
        return _Draft(item, reason="no id")
    identity = spec.id_prefix + identity
    item = item_name(identity)
    if spec.share < 1 and text.brand_share(identity) >= spec.share:
        return _Draft(item, left_out=True)
    if identity in seen:
        return _Draft(item, identity)
    words = _words(spec, row)
    low, high = spec.keep_brands
    if not low <= text.brand_share(words["brand"]) < high:
        return _Draft(item, identity, left_out=True)
    if not any(words[key] for key in ("title", "description", "category", "attributes", "texts")):
        return _Draft(item, identity, words, row.get(spec.columns.image), reason=WORDLESS)
    return _Draft(item, identity, words, row.get(spec.columns.image))


def matches(spec: SourceSpec, row: dict) -> bool:
    """Whether the row is one that `where` asks for. True and False of JSON and Parquet may be written in any case."""
    cells = ((row.get(column), value) for column, value in spec.where.items())
    return all(text.clean(c).lower() == v.lower() if isinstance(c, bool) else text.clean(c) == v for c, v in cells)


def item_name(identity: str) -> str:
    """A product's name in `skipped.jsonl`: its "#" are written %23, so that only pictures ("id#2") have one."""
    return identity.replace("#", "%23")


def _words(spec: SourceSpec, row: dict) -> dict:
    """Everything of a `Product` but its id and pictures."""
    columns = spec.columns
    title = text.cut(row.get(columns.title)) if columns.title else ""
    if not title and spec.title_template:
        fields = {name: text.said(row.get(name)) for name in _FIELD.findall(spec.title_template)}
        if all(fields.values()):
            title = text.cut(_FIELD.sub(lambda match: fields[match[1]], spec.title_template))
    brand = text.term(row.get(columns.brand)) if columns.brand else ""
    if not brand and spec.brand_from_title:
        brand = text.first_word(title)
    category = text.term(row.get(columns.category)) if columns.category else ""
    attributes = {name.lower(): text.terms(row.get(column)) for name, column in columns.attributes.items()}
    if spec.title_words:
        known = [category, *(value for values in attributes.values() for value in values)]
        attributes["words"] = text.title_words(title, brand, known)
    texts = {language: text.cut(row.get(column)) for language, column in columns.texts.items()}
    return {
        "title": title,
        "description": text.cut(row.get(columns.description)) if columns.description else "",
        "brand": brand,
        "category": category,
        "attributes": {name: values for name, values in attributes.items() if values},
        "variant": text.said(row.get(columns.variant)) if columns.variant else "",
        "texts": {language: value for language, value in texts.items() if value},
    }


@dataclass(frozen=True)
class Check:
    """Finds the sound pictures of a cell; pure, so that a worker of the engine may do it. loads: of each part of the
    table, a path -> bytes."""

    loads: list[Callable[[str], bytes]]
    min_side: int

    def __call__(self, asked: tuple[int, object]) -> tuple[list[bytes], list[tuple[int, str]]]:
        """The sound pictures of (part, cell), and (number from 1, reason) of each other one."""
        (part, cell), good, bad = asked, [], []
        for number, reference in enumerate(references(cell), start=1):
            try:
                if not isinstance(reference, (str, bytes)):
                    raise images.ImageError(f"neither bytes nor a path but {type(reference).__name__}")
                data = self.loads[part](reference) if isinstance(reference, str) else reference
                images.verify(data, self.min_side)
                good.append(data)
            except images.ImageError as error:
                bad.append((number, str(error)))
        return good, bad


def references(cell: object) -> list:
    """An image cell as a list of bytes and paths: both of them, Hugging Face's {bytes, path}, or lists of these.

    A string may hold several paths, separated by "|" or as a list (`text.listed`).
    """
    if cell is None or cell == "" or (isinstance(cell, float) and cell != cell):
        return []
    if isinstance(cell, (list, tuple)):
        return [reference for item in cell for reference in references(item)]
    if isinstance(cell, dict):
        return references(cell["bytes"] if cell.get("bytes") is not None else cell.get("path"))
    if isinstance(cell, str):
        with contextlib.suppress(RecursionError):  # lists in lists in lists
            if (found := text.listed(cell)) is not cell:
                return references(found)
        return [name.strip() for name in cell.split("|") if name.strip()]
    return [cell]
