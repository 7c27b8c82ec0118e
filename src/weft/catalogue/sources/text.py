"""Cleaning a catalogue's words without harming any language: control characters go, emoji and Arabic stay."""

import ast
import contextlib
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable

MAX_CHARACTERS = 10_000
"""Titles and descriptions are kept up to here; the tokenizer cuts much earlier, this only bounds memory."""

# C0 and C1 controls, the byte-order mark and lone surrogates (which no file can hold). Joiners and direction
# marks are left alone: family emoji, Persian and Hebrew need them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_PUNCTUATION = re.compile(r"[^\w]|_")
_EDGES = re.compile(r"^(?:[^\w]|_)+|['’]s\W*$|(?:[^\w]|_)+$")  # and the possessive: "men's" is "men"
_BETWEEN = re.compile(r"(?<=['\"])\s+(?=['\"])")  # of NumPy's items, where Python would make one of two
_MISSING = {"", "nan", "none", "null", "n/a"}
_GLUE = {"a", "an", "and", "by", "for", "from", "in", "of", "on", "the", "to", "with"}


def clean(value: object) -> str:
    """Any cell as one line of text: no control characters, single spaces, composed form (NFC).

    None and a missing number (NaN) give ""; 1163.0 gives "1163", because tables with gaps store integers so.
    """
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(_CONTROLS.sub(" ", str(value)).split())
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def said(value: object) -> str:
    """`clean`, with "nan", "none", "null" and "n/a", however they are written, as "": exports fill empty cells so."""
    text = clean(value)
    return "" if text.lower() in _MISSING else text


def cut(value: object) -> str:
    """`said`, and at most `MAX_CHARACTERS` characters."""
    return said(value)[:MAX_CHARACTERS].rstrip()


def term(value: object) -> str:
    """A brand, category or attribute value: `said` and lower-case."""
    return said(value).lower()


def listed(value: object) -> object:
    """The list that a text is: JSON's, or Python's or NumPy's as pandas writes them to CSV, "['cotton' 'linen']". Any
    other cell as it is: an ordinary text or a file's name may open with a bracket, too."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(value)
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        found = ast.literal_eval(_BETWEEN.sub(", ", value.strip()[:MAX_CHARACTERS]))
        if isinstance(found, list) and all(isinstance(item, (str, int, float, type(None))) for item in found):
            return found
    return value


def terms(value: object) -> tuple[str, ...]:
    """The distinct values in a cell: a list, a list in a string (`listed`), or a single value."""
    value = listed(value)
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(t for t in map(term, items) if t))


def first_word(title: str) -> str:
    """The first word that has a letter or digit, lower-case, without punctuation: "Levi's 501" -> "levis"."""
    return next((w for w in (_PUNCTUATION.sub("", w).lower() for w in title.split()) if w), "")


def title_words(title: str, brand: str, known: Iterable[str]) -> tuple[str, ...]:
    """The title's words that are neither the brand nor already in `known`, in order, lower-case.

    "Nike Men Blue T-shirts" with brand "nike" and known ("blue", "tshirts") -> ("men",). Words are compared
    without punctuation and plural, so that "T-shirt" is "tshirts"; "and", "with" and the like are left out.
    """
    taken = {_stem(w) for text in (brand, *known) for w in text.split()} | {_stem(brand)}
    words = {}
    for word in (_EDGES.sub("", w) for w in title.lower().split()):
        if word and word not in _GLUE and _stem(word) not in taken:
            words.setdefault(_stem(word), word)
    return tuple(words.values())


def _stem(word: str) -> str:
    """A naive English singular, for comparing only: "dresses" -> "dress", "berries" -> "berry"."""
    word = _PUNCTUATION.sub("", word).lower()
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def brand_share(brand: str) -> float:
    """A brand's fixed place in [0, 1), from its SHA-256: splits by it cut no brand and need no list."""
    return int.from_bytes(hashlib.sha256(term(brand).encode()).digest()[:6], "big") / 2**48
