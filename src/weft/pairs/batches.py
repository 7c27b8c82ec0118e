"""Composes each epoch's batches so that products of one category meet: their differences are what must be learnt."""

import numpy as np

from weft.pairs.queries import randomness


def batches(categories: list[str], batch: int, neighbours: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The epoch's batches of product positions. A last short batch is left out; with fewer products than one
    batch, the only batch holds them all.

    Products of one category are cut into runs of `neighbours`, and the runs are shuffled into batches:
    about that many products of the same category share a batch, beside whatever chance brings.
    """
    random = randomness(seed, "order", epoch)
    order = random.permutation(len(categories))
    if neighbours > 1:
        members: dict[str, list[int]] = {}
        for position in order:
            members.setdefault(categories[position], []).append(int(position))
        runs = [own[i : i + neighbours] for own in members.values() for i in range(0, len(own), neighbours)]
        order = np.asarray([position for run in random.permutation(len(runs)) for position in runs[run]])
    if len(order) < batch:
        return [order]
    return [order[i : i + batch] for i in range(0, len(order) - batch + 1, batch)]
