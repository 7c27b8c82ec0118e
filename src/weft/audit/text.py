"""Words of many texts as numbers: which texts hold a phrase, hold all its words, or nearly say the same.

Near-duplicates are found without comparing all pairs, by prefix filtering (Chaudhuri, Ganti & Kaushik, "A primitive
operator for similarity joins in data cleaning", ICDE 2006; Bayardo, Ma & Srikant, "Scaling up all pairs similarity
search", WWW 2007). With words in one order, rarest first, two sets that share at least o words share one among the
first n - o + 1 of each, and l words among the first n - o + l (Wang, Li & Feng, "Can we beat the prefix filtering?",
SIGMOD 2012). One shared word of a shop's vocabulary proposes a fixed share of all pairs, which is quadratic again; a
combination of several proposes few. As many are asked for as a text's budget of combinations allows: all that must be
shared, where texts are short. Every proposal is verified, so the result is exact.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from itertools import combinations
from math import ceil, comb
from typing import NamedTuple

import numpy as np

from weft.bm25 import ALONE
from weft.pairs.relevance import among

THRESHOLD = 0.8
WORD = r"\w+ after NFKC, Han and kana one by one"
TOKENISATION = f"sets of case-folded words ({WORD})"
ROOM = 2**24  # proposed pairs held at a time
BUDGET = 64  # combinations of words that a text is indexed by, at most

_WORD = re.compile(rf"[{ALONE}]|[^\W{ALONE}]+")
_ALONE = re.compile(f"([{ALONE}])")


def words(text: str) -> list[str]:
    """Case-folded runs of letters, digits and underscores, Han and kana one by one: "T-shirt, 5XL" -> t, shirt, 5xl."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def count(text: str) -> int:
    """Words split at blanks; Han and kana, written without blanks, one by one."""
    return len(_ALONE.sub(r" \1 ", text).split())


class Texts:
    """N texts as numbered words. A lower number is a rarer word.

    Attributes:
        number: word -> number, V of them; size: N.
        flat: (T,) every text's words in their order; row: (T,) the text of each.
    """

    def __init__(self, texts: Sequence[Sequence[str]]):
        first: dict[str, int] = {}
        flat = np.asarray([first.setdefault(word, len(first)) for text in texts for word in text], dtype=np.int64)
        self.size, self.row = len(texts), np.repeat(np.arange(len(texts)), [len(text) for text in texts])
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(np.bincount(flat, minlength=len(first)), kind="stable")] = np.arange(len(first))
        self.number = dict(zip(first, rank.tolist(), strict=True))
        self.flat = rank[flat] if len(flat) else flat

    @cached_property
    def keys(self) -> np.ndarray:
        """(K,) ascending text * V + word, once for every word that a text holds."""
        return _distinct(self.row * max(len(self.number), 1) + self.flat)

    @cached_property
    def starts(self) -> np.ndarray:
        """(N + 1,) where each text's words begin among the keys."""
        return np.searchsorted(self.keys, np.arange(self.size + 1) * max(len(self.number), 1))

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Places in `flat` by word, and where each word's begin."""
        order = np.argsort(self.flat, kind="stable")
        return order, np.searchsorted(self.flat[order], np.arange(len(self.number) + 1))

    @cached_property
    def _holders(self) -> tuple[np.ndarray, np.ndarray]:
        """Ascending texts by word, and where each word's begin."""
        text, word = np.divmod(self.keys, max(len(self.number), 1))
        order = np.argsort(word, kind="stable")
        return text[order], np.searchsorted(word[order], np.arange(len(self.number) + 1))

    def _of(self, word: int) -> np.ndarray:
        order, starts = self._places
        return order[starts[word] : starts[word + 1]]

    def _numbers(self, phrase: Sequence[str]) -> list[int]:
        """The words' numbers; nothing if there is none, or one that no text holds."""
        found = [self.number.get(word, -1) for word in phrase]
        return [] if -1 in found else found

    def with_phrase(self, phrase: Sequence[str]) -> np.ndarray:
        """Ascending rows of the texts in which these words stand in a row."""
        wanted = self._numbers(phrase)
        if not wanted:
            return np.empty(0, dtype=np.int64)
        rarest = int(np.argmin(wanted))
        begin = self._of(wanted[rarest]) - rarest
        begin = begin[(begin >= 0) & (begin + len(wanted) <= len(self.flat))]
        for step, word in enumerate(wanted):
            begin = begin[self.flat[begin + step] == word]
        return _distinct(self.row[begin[self.row[begin] == self.row[begin + len(wanted) - 1]]])

    def with_all(self, phrase: Sequence[str]) -> np.ndarray:
        """Ascending rows of the texts that hold all these words, in any order."""
        holders, starts = self._holders
        wanted = [holders[starts[word] : starts[word + 1]] for word in sorted(set(self._numbers(phrase)))]
        rows = wanted[0] if wanted else np.empty(0, dtype=np.int64)
        for others in wanted[1:]:
            rows = rows[among(rows, others)]
        return rows


class Near(NamedTuple):
    """Texts that say nearly the same.

    Attributes:
        twin: (N,) the first text with the same set of words, itself included.
        pairs: (P, 2) near-duplicates i < j among those first ones; similarity: (P,) their Jaccard similarity.
    """

    twin: np.ndarray
    pairs: np.ndarray
    similarity: np.ndarray

    @property
    def paired(self) -> np.ndarray:
        """(N,) bool, whether a text has a near-duplicate; equal ones are near."""
        near = np.bincount(self.twin, minlength=len(self.twin)) > 1
        near[self.pairs.ravel()] = True
        return near[self.twin]

    @property
    def links(self) -> list[tuple[int, int]]:
        """Pairs that connect all texts that are near-duplicates, directly or through others."""
        copies = np.flatnonzero(self.twin != np.arange(len(self.twin)))
        return [*zip(self.twin[copies].tolist(), copies.tolist(), strict=True), *map(tuple, self.pairs.tolist())]

    def count(self) -> int:
        """Pairs of texts, copies counted each."""
        copies = np.bincount(self.twin, minlength=len(self.twin))
        return int((copies * (copies - 1) // 2).sum() + (copies[self.pairs[:, 0]] * copies[self.pairs[:, 1]]).sum())


def near_duplicates(texts: Texts, threshold: float = THRESHOLD) -> Near:
    """All pairs of texts whose sets of words have a Jaccard similarity |A and B| / |A or B| of at least `threshold`.

    A text without words is like nothing.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not within (0, 1]")
    word, starts = texts.keys % max(len(texts.number), 1), texts.starts
    first: dict[bytes, int] = {}
    twin = np.arange(texts.size)
    for row in np.flatnonzero(np.diff(starts)).tolist():
        twin[row] = first.setdefault(word[starts[row] : starts[row + 1]].tobytes(), row)
    rows = np.asarray(list(first.values()), dtype=np.int64)
    sizes = np.diff(starts)
    kept, alike = [np.empty((0, 2), dtype=np.int64)], [np.empty(0)]
    for left, right in _proposed(word, starts, rows, threshold):
        shared = _shared(texts, left, right)
        similarity = shared / (sizes[left] + sizes[right] - shared)
        near = similarity >= threshold - 1e-9
        kept.append(np.stack([left[near], right[near]], axis=1))
        alike.append(similarity[near])
    pairs, similarity = np.concatenate(kept), np.concatenate(alike)
    if len(pairs):
        pairs, place = np.unique(pairs, axis=0, return_index=True)
        similarity = similarity[place]
    return Near(twin, pairs, similarity)


def _proposed(word: np.ndarray, starts: np.ndarray, rows: np.ndarray, threshold: float):
    """Yields (left, right) rows, left < right, that share enough rare words and are not too unlike in size."""
    sizes = np.diff(starts)
    present = np.unique(sizes[rows]).tolist()
    least = {n: ceil(threshold * n - 1e-9) for n in present}  # words shared with any partner
    share = {n: max(k for k in range(1, o + 1) if k == 1 or comb(n - o + k, k) <= BUDGET) for n, o in least.items()}
    for shared in sorted(set(share.values())):
        smaller = [n for n in present if share[n] == shared]  # a pair is found by its smaller text's number of words
        joined = [n for n in present if any(m <= n and threshold * n <= m + 1e-9 for m in smaller)]
        keys, owner = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
        for n in joined:
            own = rows[sizes[rows] == n]
            prefix = _mixed(word[starts[own][:, None] + np.arange(n - least[n] + shared)])
            for places in combinations(range(prefix.shape[1]), shared):
                key = prefix[:, places[0]]
                for place in places[1:]:
                    key = key * _ODD + prefix[:, place]  # wraps round: a clash is a proposal too many
                keys.append(key)
                owner.append(own)
        yield from _equal(np.concatenate(keys), np.concatenate(owner), sizes, threshold)


_ODD = np.uint64(0x9E3779B97F4A7C15)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Numbers spread over 64 bits."""
    spread = numbers.astype(np.uint64) * _ODD
    return (spread ^ (spread >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _equal(keys: np.ndarray, owner: np.ndarray, sizes: np.ndarray, threshold: float):
    """Yields pairs of owners with an equal key whose sizes let them be near-duplicates."""
    order = np.argsort(keys, kind="stable")
    keys, owner = keys[order], owner[order]
    open_, waiting, held, step = np.arange(len(keys)), [], 0, 0
    while len(open_):
        step += 1
        open_ = open_[open_ + step < len(keys)]
        open_ = open_[keys[open_] == keys[open_ + step]]
        left, right = owner[open_], owner[open_ + step]
        small, large = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
        fits = (small >= threshold * large - 1e-9) & (left != right)
        waiting.append(np.minimum(left, right)[fits] * len(sizes) + np.maximum(left, right)[fits])
        held += len(waiting[-1])
        if held > ROOM or (held and not len(open_)):
            yield np.divmod(_distinct(np.concatenate(waiting)), len(sizes))
            waiting, held = [], 0


def _shared(texts: Texts, left: np.ndarray, right: np.ndarray, step: int = 2**16) -> np.ndarray:
    """(P,) number of words that both texts of a pair hold."""
    wide, starts, shared = len(texts.number), texts.starts, np.empty(len(left), dtype=np.int64)
    for begin in range(0, len(left), step):
        one, other = left[begin : begin + step], right[begin : begin + step]
        sizes = starts[one + 1] - starts[one]
        pair = np.repeat(np.arange(len(one)), sizes)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + starts[one][pair]
        held = among(other[pair] * wide + texts.keys[place] % wide, texts.keys)
        shared[begin : begin + step] = np.bincount(pair[held], minlength=len(one))
    return shared


def _distinct(numbers: np.ndarray) -> np.ndarray:
    """Each number once, ascending: what `np.unique` gives, several times faster for many that are nearly in order."""
    numbers = np.sort(numbers, kind="stable")
    return numbers[np.diff(numbers, prepend=numbers[:1] - 1) != 0]
