"""How much a set of texts repeats itself."""

from collections.abc import Sequence

from weft.bm25 import tokens

GRAMS = (1, 2, 3, 4)


def repeated(texts: Sequence[str], n: int) -> float:
    """Share of all n-grams that stood in the set before; n-grams do not reach over texts; 0 where there are none.

    1 - distinct-n of Li et al. 2016 (arXiv 1510.03055), over the whole set. It grows with the set: compare sets of
    one size only.
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        words = tokens(text)
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        total += len(grams)
        seen.update(grams)
    return 1 - len(seen) / total if total else 0.0


def diversity(texts: Sequence[str]) -> dict:
    """texts, same (share that equals an earlier one), repeated (n -> share)."""
    alike = 1 - len({" ".join(tokens(text)) for text in texts}) / len(texts) if texts else 0.0
    return {"texts": len(texts), "same": alike, "repeated": {str(n): repeated(texts, n) for n in GRAMS}}
