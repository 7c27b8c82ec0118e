"""Strata read from how a query is worded: what it names, whether it negates, whether a word is misspelt."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

ATTRIBUTES = {
    "colour": (
        "beige black blue brown burgundy camel charcoal coral cream crimson cyan fuchsia gold golden gray green grey "
        "indigo ivory khaki lavender lilac maroon mauve mint mustard navy olive orange peach pink plum purple red rose "
        "rust salmon silver tan taupe teal turquoise violet white yellow"
    ),
    "pattern": (
        "animal argyle camo camouflage check checked checkered colorblock dot dots dotted floral geometric gingham "
        "graphic houndstooth leopard logo marled ombre paisley pinstripe plaid polka printed print solid striped "
        "stripe stripes tartan zebra"
    ),
    "material": (
        "acrylic canvas cashmere chambray chiffon corduroy cotton crochet denim fleece fur jersey knit knitted lace "
        "leather linen mesh mohair nylon organza polyester rayon rubber satin sequin silk spandex suede tulle tweed "
        "twill velvet viscose wool woolen"
    ),
    "sleeve": "sleeve sleeves sleeveless strapless sleeved",
    "neckline": "collar collared crew halter neck neckline polo turtleneck v-neck",
    "length": "ankle cropped crop knee long maxi midi mini short",
    "fit": "baggy bodycon fitted flared loose oversized relaxed skinny slim slouchy straight tailored",
    "audience": "baby boy boys girl girls kids ladies lady men mens men's unisex women womens women's",
}
"""What a query may name -> the words that name it (English). A word list, not a parser: "rose" may be a flower."""

NEGATION = re.compile(r"\b(?:not|without|except|excluding|never|neither|nor|non|w/o|no(?!\.))\b|\w+n't\b")
"""English negation; "no." before a name is a number."""

RARE, COMMON, LETTERS = 1, 20, 6

_NAMES = {word: attribute for attribute, every in ATTRIBUTES.items() for word in every.split()}
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")


def spoken(text: str) -> list[str]:
    """The words of a text in lower case, digits and punctuation left out."""
    return _WORD.findall(text.lower())


def strata(texts: Sequence[str], titles: Iterable[str]) -> dict[str, list[str]]:
    """Stratum -> (Q,) labels of the queries, only where there are queries of both kinds.

    Args:
        titles: what the corpus says in words, for knowing which words are spelt so by many.
    """
    words = [spoken(text) for text in texts]
    found = {
        "negation": ["negated" if NEGATION.search(text.lower()) else "plain" for text in texts],
        "spelling": ["misspelt" if wrong else "as others spell" for wrong in misspelt(words, titles)],
    }
    for attribute in ATTRIBUTES:
        named = [any(_NAMES.get(word) == attribute for word in own) for own in words]
        found[f"names {attribute}"] = ["yes" if one else "no" for one in named]
    return {name: labels for name, labels in found.items() if len(set(labels)) > 1}


def misspelt(queries: Sequence[Sequence[str]], titles: Iterable[str]) -> list[bool]:
    """Whether a query has a word that looks like a slip.

    A word of at least six letters that stands in this query alone, in no title, and is one edit away (`_one_edit`)
    from a word of at least twenty queries and titles. Rare good words and names of brands can be mistaken for slips,
    and a slip that many make is none here: a place to look at, not a spelling checker.
    """
    counts: Counter[str] = Counter(word for own in queries for word in set(own))
    for title in titles:
        counts.update(set(spoken(title)))
    common = {word for word, count in counts.items() if count >= COMMON and len(word) >= LETTERS - 1}
    shorter: dict[str, list[str]] = {}
    for word in common:
        for form in _less(word):
            shorter.setdefault(form, []).append(word)
    wrong = {
        word for own in queries for word in own
        if counts[word] <= RARE and len(word) >= LETTERS and word.isalpha() and _slip(word, shorter)
    }  # fmt: skip
    return [bool(wrong.intersection(own)) for own in queries]


def _less(word: str) -> set[str]:
    """The word, and the word with one letter left out: two words one edit apart share one of these forms."""
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}


def _slip(word: str, shorter: dict[str, list[str]]) -> bool:
    return any(_one_edit(word, other) for form in _less(word) for other in shorter.get(form, ()))


def _one_edit(a: str, b: str) -> bool:
    """Whether one letter put in, left out, replaced or swapped with its neighbour, inside the word, makes a of b.

    Slips seldom hit a word's first letter, a change of the last one is an inflection, and short words one letter apart
    are mostly two good words (packing, parking): replacing counts from eight letters on.
    """
    if a[0] != b[0] or a[-1] != b[-1]:
        return False
    if len(a) != len(b):
        long, short = (a, b) if len(a) > len(b) else (b, a)
        return len(long) == len(short) + 1 and short in _less(long)
    differ = [place for place in range(len(a)) if a[place] != b[place]]
    swapped = len(differ) == 2 and differ[1] == differ[0] + 1 and a[differ[0]] == b[differ[1]]
    return (len(differ) == 1 and len(a) >= 8) or (swapped and a[differ[1]] == b[differ[0]])
