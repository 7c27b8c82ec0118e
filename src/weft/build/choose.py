"""Which products are asked for: categories by their size with a floor for the rare, brands in turn within each."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from weft.pairs.queries import randomness


def shares(sizes: Sequence[int], room: Sequence[int], wanted: int, floor: int) -> np.ndarray:
    """How many each of C strata gives: in proportion to its size, at least `floor`, at most its room.

    The bounded shares are clip(t * size, floor, room) with the one t at which they add up, as optimum allocation
    with bounds asks for (Cochran, Sampling Techniques, 1977, section 5.8), rounded by largest remainders. Where so
    many floors do not fit, the floor is lowered until they do.

    Returns:
        (C,) whole numbers that add up to `wanted`, or to all the room there is.
    """
    size, room = np.asarray(sizes, dtype=np.float64), np.asarray(room, dtype=np.int64)
    wanted = min(int(wanted), int(room.sum()))
    while floor and np.minimum(floor, room).sum() > wanted:
        floor -= 1
    least = np.minimum(floor, room)

    def at(scale: float) -> np.ndarray:
        return np.clip(scale * size, least, room)

    low, high = 0.0, 1.0
    while at(high).sum() < wanted and high < 2.0**60:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).sum() < wanted else (low, middle)
    exact = at(high)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    remainder = np.where(whole < room, exact - whole, -1.0)
    whole[np.argsort(-remainder, kind="stable")[: wanted - int(whole.sum())]] += 1
    return whole


def in_turn(rows: Sequence[int], labels: Sequence[str], *seed: object) -> list[int]:
    """Rows in such an order that every beginning of it holds each label in proportion, by one or so.

    A label's n rows, shuffled, stand at (i + u) / n with u drawn for the label: systematic sampling within strata.
    """
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault(labels[row], []).append(row)
    placed = []
    for label, own in members.items():
        random = randomness(*seed, label)
        start = random.random()
        placed += [((place + start) / len(own), row) for place, row in enumerate(random.permutation(own).tolist())]
    return [row for _, row in sorted(placed)]


def draw(strata: Mapping[str, Sequence[int]], wanted: int, floor: int, accept: Callable[[int], bool]) -> list[int]:
    """Rows that `accept` takes, each asked once, stratum by stratum; a stratum that runs out leaves its share to the
    others.

    Args:
        strata: name -> rows in the order in which they are asked.
    """
    names = sorted(strata)
    left = {name: list(reversed(strata[name])) for name in names}
    taken: dict[str, list[int]] = {name: [] for name in names}
    total, moved = 0, True
    while moved and total < wanted:
        moved = False
        room = [len(taken[name]) + len(left[name]) for name in names]
        for name, share in zip(names, shares([len(strata[n]) for n in names], room, wanted, floor), strict=True):
            while len(taken[name]) < share and left[name] and total < wanted:
                row, moved = left[name].pop(), True
                if accept(row):
                    taken[name].append(row)
                    total += 1
    return [row for name in names for row in taken[name]]
