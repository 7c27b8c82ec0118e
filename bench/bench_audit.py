"""How long the audit's checks of texts take, and how the search for near-duplicates grows with their number.

    python bench/bench_audit.py [--items 200000] [--queries 2000] [--tiny]

Titles are made up as a shop's are: a brand (2,000, Zipf), an audience, a colour, a material, a cut, a kind, and a
model's name, of which there are more the more products there are; a tenth repeat an earlier title with a word changed
or left out.
"closed" titles have no model's name: then nearly every combination of words is there, the near-duplicates themselves
grow faster than the texts, and no search can be linear. Seconds are the process's own (CPU), since other work may share
the machine. The slope is that of a line through log time and log number.
"""

import argparse
import time

import numpy as np
from measure import machine, table

from weft.audit import CHECKS, Subject
from weft.audit.text import Texts, near_duplicates
from weft.benchmarks.record import Retrieval, Side

COLOURS = ("black", "white", "grey", "red", "navy", "blue", "green", "olive", "pink", "beige", "brown", "cream", "teal")
KINDS = ("dress", "shirt", "blouse", "skirt", "jeans", "trousers", "coat", "jacket", "jumper", "boots", "bag", "belt")
MATERIALS = ("cotton", "wool", "silk", "linen", "denim", "leather", "suede", "viscose", "polyester", "velvet", "jersey")
AUDIENCES = ("women", "men", "girls", "boys", "unisex")
CUTS = ("slim", "regular", "loose", "cropped", "long", "short", "fitted", "wide")


def titles(count: int, closed: bool = False, seed: int = 0) -> list[str]:
    """Made-up titles; see above."""
    random = np.random.default_rng(seed)
    brands = [f"brand{number}" for number in random.zipf(1.3, count).clip(max=2000)]
    models = random.integers(0, max(1, count // 3), count)
    parts = [random.choice(words, count) for words in (AUDIENCES, COLOURS, MATERIALS, CUTS, KINDS)]
    found: list[str] = []
    for row, (brand, *words) in enumerate(zip(brands, *parts, strict=True)):
        said = [brand, *map(str, words)] if closed else [brand, f"model{models[row]}", *map(str, words)]
        if row and random.random() < 0.1:  # a near-copy
            said = found[int(random.integers(row))].split()
            said.pop(int(random.integers(len(said))))
            said += ["new"] if random.random() < 0.5 else []
        found.append(" ".join(said))
    return found


def growth(sizes: list[int], closed: bool) -> list[list[object]]:
    """Rows of a table: texts, seconds, pairs found."""
    every = [text.split() for text in titles(sizes[-1], closed)]
    rows, seconds = [["texts" + " (closed)" * closed, "s", "near-duplicate pairs", "texts in one"]], []
    for size in sizes:
        started = time.process_time()
        found = near_duplicates(Texts(every[:size]))
        seconds.append(time.process_time() - started)
        rows.append([f"{size:,}", f"{seconds[-1]:.2f}", f"{found.count():,}", f"{int(found.paired.sum()):,}"])
    rows.append(["slope", f"{np.polyfit(np.log(sizes), np.log(seconds), 1)[0]:.2f}", "", ""])
    return rows


def checks(items: int, queries: int) -> list[list[object]]:
    """Rows of a table: every check that needs no picture, and its seconds."""
    said = titles(items)
    random = np.random.default_rng(1)
    asked = random.choice(items, queries, replace=False)
    texts = [" ".join(said[row].split()[: 3 + row % 5]) for row in asked.tolist()]
    relevant = [(np.asarray([row]), np.ones(1)) for row in asked.tolist()]
    sides = Side([f"q{n}" for n in range(queries)], texts), Side([f"p{n}" for n in range(items)], said)
    subject = Subject(Retrieval("made up", *sides, relevant))
    rows, total = [["check", "s", "findings"]], 0.0
    for check in CHECKS:
        if subject.lacks(check.needs):
            continue
        started = time.process_time()
        found = list(check.function(subject))
        taken = time.process_time() - started
        total += taken
        rows.append([check.name, f"{taken:.2f}", len(found)])
    return [*rows, ["all", f"{total:.1f}", ""]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--tiny", action="store_true", help="next to nothing, to see that it runs")
    asked = parser.parse_args(arguments)
    items, queries = (800, 120) if asked.tiny else (asked.items, asked.queries)
    sizes = [items // 20, items // 8, items // 4, items // 2, items]
    print(machine())
    for closed in (False, True):
        print(f"\n{table(growth(sizes, closed))}")
    print(f"\n{items:,} items, {queries:,} queries\n\n{table(checks(items, queries))}")
    print("\nlimit: 120 s for all checks of texts at 200,000 items and 2,000 queries on two cores")


if __name__ == "__main__":
    main()
