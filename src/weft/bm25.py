"""BM25 over titles, and reciprocal rank fusion with an encoder: the rows a search team asks for first."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

ALONE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Han and kana, in a set of a regular expression: written without spaces, they go character by character."""

_WORD = re.compile(rf"[{ALONE}]|[^\W_{ALONE}]+")  # letters and digits in any script
_POSSESSIVE = re.compile(r"['’]s\b")


def tokens(text: str) -> list[str]:
    """Case-folded words in order (NFKC, possessive 's dropped). Hyphens split: "T-shirt" -> t, shirt."""
    return _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold()))


def tokenise(text: str) -> list[str]:
    """`tokens` with plurals folded: "Men's Dresses, size XL" -> men, dress, size, xl."""
    return [_singular(word) for word in tokens(text)]


def _singular(word: str) -> str:
    """Harman's S stemmer ("How effective is suffixing?", JASIS 1991), with -es after a hissing sound cut whole,
    because "dresses" must find "dress"; and -ie said as -y, because "ties", "hoodies" may be of either."""
    if len(word) > 3 and word.endswith("s"):
        if word.endswith("ies") and not word.endswith(("eies", "aies")):
            return word[:-3] + "y"
        if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
            return word[:-2]
        word = word if word.endswith(("us", "ss")) else word[:-1]
    return word[:-2] + "y" if len(word) > 2 and word.endswith("ie") else word


class BM25:
    """An index of documents, ranked by Robertson's BM25 with Lucene's never-negative idf.

    score(d, q) = sum over words w of q: idf(w) * tf / (tf + k1 * (1 - b + b * |d| / mean |d|)),
    idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)); Robertson & Zaragoza, "The probabilistic relevance framework",
    2009, eq. 3.15; the variant is "Lucene (accurate)" of Kamphuis et al., "Which BM25 do you mean?", ECIR 2020.
    A word repeated in the query counts each time.

    Args:
        documents: N texts, for instance titles; an empty one is never found.
        k1, b: saturation of the term frequency, strength of the length normalisation.
    """

    def __init__(self, documents: Sequence[str], k1: float = 1.2, b: float = 0.75):
        self.size = len(documents)
        words: dict[str, int] = {}
        term, doc, tf, length = [], [], [], np.zeros(self.size)
        for row, text in enumerate(documents):
            counts = Counter(tokenise(text))
            length[row] = counts.total()
            for word, count in counts.items():
                term.append(words.setdefault(word, len(words)))
                doc.append(row)
                tf.append(count)
        terms, frequency = np.asarray(term, dtype=np.int64), np.asarray(tf, dtype=np.float64)
        by_term = np.argsort(terms, kind="stable")
        self._words = words
        self._docs = np.asarray(doc, dtype=np.int64)[by_term]  # postings: documents of word 0, of word 1, ...
        holders = np.bincount(terms, minlength=len(words))
        self._starts = np.concatenate([[0], np.cumsum(holders)])
        idf = np.log1p((self.size - holders + 0.5) / (holders + 0.5))
        norm = k1 * (1 - b + b * length / max(length.mean() if self.size else 0.0, 1e-9))
        frequency = frequency[by_term]
        self._weights = np.repeat(idf, holders) * frequency / (frequency + norm[self._docs])

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """(Q, N) float32 scores; 0 where no word is shared. Mind the memory: use `top_k` for rankings."""
        result = np.zeros((len(queries), self.size), dtype=np.float32)
        for row, query in enumerate(queries):
            result[row] = self._score(query)
        return result

    def top_k(self, queries: Sequence[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        """(Q, k) int64 indices and (Q, k) float32 scores, best first, ties by the smallest index.

        Only documents that share a word are results; empty slots are -1 with score -inf.
        """
        indices = np.full((len(queries), k), -1, dtype=np.int64)
        best = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for row, query in enumerate(queries):
            scores = self._score(query)
            found = np.flatnonzero(scores)
            if len(found) > k:
                # Everything level with the k-th best stays in, so that the index alone decides ties.
                found = found[scores[found] >= np.partition(scores[found], -k)[-k]]
            found = found[np.argsort(-scores[found], kind="stable")][:k]
            indices[row, : len(found)], best[row, : len(found)] = found, scores[found]
        return indices, best

    def _score(self, query: str) -> np.ndarray:
        scores = np.zeros(self.size)
        known = Counter(self._words[word] for word in tokenise(query) if word in self._words)
        for term, count in sorted(known.items()):  # one fixed order: equal documents get bitwise equal scores
            span = slice(self._starts[term], self._starts[term + 1])
            scores[self._docs[span]] += count * self._weights[span]
        return scores.astype(np.float32)


def fuse(*rankings: np.ndarray, k: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal rank fusion: the score of an item is the sum over rankings of 1 / (k + its rank).

    Cormack, Clarke & Buettcher, "Reciprocal rank fusion outperforms Condorcet", SIGIR 2009.

    Args:
        rankings: (Q, K) int arrays of item indices, best first, -1 for an empty slot; no item twice in a row.
        k: damps the top ranks; 60 in the paper.

    Returns:
        (Q, K) int64 indices and (Q, K) float32 scores for the largest K; ties by the smallest index, so the
        order of the rankings does not matter; empty slots are -1 with score -inf.
    """
    depth = max(ranking.shape[1] for ranking in rankings)
    queries = len(rankings[0])
    items = np.concatenate(rankings, axis=1).astype(np.int64)
    ranks = np.concatenate([np.arange(1, ranking.shape[1] + 1) for ranking in rankings])
    row, slot = np.nonzero(items >= 0)
    item, rank = items[row, slot], ranks[slot]
    order = np.lexsort((rank, item, row))
    row, item, rank = row[order], item[order], rank[order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
    score = np.bincount(np.cumsum(new) - 1, weights=1.0 / (k + rank)).astype(np.float32)
    row, item = row[new], item[new]
    order = np.lexsort((item, -score, row))
    row, item, score = row[order], item[order], score[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)  # position within the query
    kept = place < depth
    indices = np.full((queries, depth), -1, dtype=np.int64)
    scores = np.full((queries, depth), -np.inf, dtype=np.float32)
    indices[row[kept], place[kept]], scores[row[kept], place[kept]] = item[kept], score[kept]
    return indices, scores
