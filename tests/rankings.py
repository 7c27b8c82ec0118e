"""Random rankings and judgements for tests of metrics."""

import numpy as np


def random_case(seed, queries=25, items=40, depth=30):
    """Rankings with tied scores, unjudged items, empty slots and queries without results; and their judgements."""
    rng = np.random.default_rng(seed)
    ranking = np.full((queries, depth), -1)
    run, judged = {}, []
    for query in range(queries):
        shown = rng.permutation(items)[: 0 if query % 7 == 3 else rng.integers(1, depth + 1)]
        scores = rng.integers(0, 6, size=len(shown)) / 4  # few values: many ties
        order = np.lexsort((shown, -scores))
        ranking[query, : len(shown)] = shown[order]
        # trec_eval breaks ties by the larger document name: name them so that it is the smaller index.
        run[str(query)] = {f"d{999 - i}": float(s) for i, s in zip(shown, scores, strict=True)}
        pool = rng.permutation(items)[: rng.integers(1, items)]
        grades = rng.integers(-1, 4, size=len(pool))
        grades[0] = 2
        judged.append((pool, grades.astype(float)))
    qrels = {str(q): {f"d{999 - i}": int(g) for i, g in zip(*pair, strict=True)} for q, pair in enumerate(judged)}
    return ranking, judged, run, qrels
