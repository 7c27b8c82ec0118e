"""One product's two queries, short and long, with one set of answers; or the reason why it is not asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from weft.audit.text import Texts
from weft.audit.text import words as tokens
from weft.build.heard import Heard
from weft.catalogue.collection import Collection
from weft.pairs.queries import LONG_WORDS, SHORT_WORDS, Query, facts, randomness, statements, stems, words
from weft.pairs.relevance import Index
from weft.recipe import Pairs
from weft.schema import RELEVANT

TWINS = ("short", "long")
FEWEST = 3
"""Words of a query, at least: two single nothing out."""
TRIES = 6
"""Short queries that are tried for a product, in as many random orders of its statements."""
EXACT, VARIANT = 3.0, 2.0


@dataclass(frozen=True)
class Asked:
    """A product that is asked for.

    Attributes:
        row: of the collection. query: twin -> its text and what it states.
        grades: twin -> {product row: grade}; by attributes, what has at least grade 2 is the same for both.
    """

    row: int
    query: dict[str, Query]
    grades: dict[str, dict[int, float]]

    @property
    def answers(self) -> list[int]:
        """Ascending rows of what is right for both twins, whoever graded."""
        short, long = (self.grades[twin] for twin in TWINS)
        return sorted(row for row, grade in long.items() if min(grade, short.get(row, 0.0)) >= RELEVANT)

    @property
    def relevant(self) -> set[int]:
        """Rows of what is right for one twin at least, as its qrels have it."""
        return {row for own in self.grades.values() for row, grade in own.items() if grade >= RELEVANT}


@dataclass
class Asker:
    """Asks for the products of a collection one by one, and for none whose queries or answers come again.

    Right answers are the products of which everything holds that the long query states, whatever has the source's
    title, and their duplicates (grade 3); variants of them (grade 2). The short query leaves statements out, but never
    so many that a further product satisfies it: so one list of answers is right for both, as the layout has it.

    Args:
        pairs: how the catalogue's queries are worded. most: products that may answer a query.
        unseen: whether answers must lie in the source's own part, so that none can be trained on.
    """

    collection: Collection
    pairs: Pairs
    most: int = 10
    unseen: bool = True
    seed: int = 0
    taken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        products = self.collection.products
        self.index = Index([facts(product) for product in products], self.collection.group)
        self.alike = _members(self.collection.group.tolist())
        self.variants = _members([product.variant for product in products])
        said = [tokens(product.title) for product in products]
        self.titles, self.verbatim = Texts(said), {tuple(one) for one in said if one}
        self.heard = {twin: Heard(self.titles.number) for twin in TWINS}

    def ask(self, row: int) -> Asked | str:
        """The product's queries, or why it has none."""
        told = self._told(row)
        long = self._long(told)
        answers = self.answers(long.stated, row) if told else {row: EXACT}
        if len(answers) > self.most:
            return f"more than {self.most} products fit"
        outside = {part(self.collection, other) for other in answers} - {part(self.collection, row), ""}
        if self.unseen and outside:
            return "an answer may be trained on, or belongs to the other part"
        if not self.taken.isdisjoint(answers):
            return "answers another query"
        if why := self._why_not("long", long, answers):
            return why
        why = "eight words do not single out what the long query asks"
        for short in self._shorts(told, answers, row):
            why = self._why_not("short", short, answers)
            if not why:
                return self._taken(row, {"short": short, "long": long}, answers)
        return why

    def answers(self, stated: tuple[str, ...], row: int) -> dict[int, float]:
        """Product row -> 3 or 2: see the class."""
        found = {row, *self.index.holding(stated).tolist()}
        if title := self.index.titles[row]:
            found.update(self.index.rows[title].tolist())
        groups = {int(self.collection.group[other]) for other in found}
        found.update(other for group in groups for other in self.alike[group])
        kinds = {self.collection.products[other].variant for other in found} - {""}
        near = {other for kind in kinds for other in self.variants[kind]} - found
        return dict.fromkeys(sorted(found), EXACT) | dict.fromkeys(sorted(near), VARIANT)

    def _told(self, row: int) -> list[tuple[str, str]]:
        """What is stated of a product, as much as sixty words hold. What another value says too is not said twice:
        no "casual" beside "casual shoes", no "sandal" beside "sandals"."""
        every = statements(self.collection.products[row], self.pairs.order)
        said = [stems(value) for _, value in every]
        told, room = [], LONG_WORDS
        for place, (name, value) in enumerate(every):
            others = [*(one for one in said[:place] if one != said[place]), *said[place + 1 :]]
            again = not self.pairs.name_attributes and any(said[place] <= other for other in others)
            size = words(self._spoken(name, value))
            if not again and size <= room:
                told.append((name, value))
                room -= size
        return told

    def _spoken(self, name: str, value: str) -> str:
        named = self.pairs.name_attributes and name not in ("brand", "category", "words")
        return f"{name} {value}" if named else value

    def _long(self, told: list[tuple[str, str]]) -> Query:
        """All of it, and nothing to fill it up."""
        text = (", " if self.pairs.name_attributes else " ").join(self._spoken(name, value) for name, value in told)
        return Query(text, tuple(f"{name}={value}" for name, value in told))

    def _shorts(self, told: list[tuple[str, str]], answers: dict[int, float], row: int) -> Iterator[Query]:
        """Short queries that no product but the answers satisfies, the category first of what is said."""
        random = randomness(self.seed, "short", self.collection.products[row].id)
        count = [self.index.count([f"{name}={value}"]) for name, value in told]
        orders = [random.permutation(len(told)).tolist() for _ in range(TRIES)]
        orders.append(sorted(range(len(told)), key=count.__getitem__))  # eight words may do if they are the rarest
        for order in orders:
            kept: list[int] = []
            for place in sorted(order, key=lambda place: told[place][0] != "category"):
                if words(" ".join(told[i][1] for i in [*kept, place])) > SHORT_WORDS:
                    continue
                kept.append(place)
                short = [told[i] for i in sorted(kept)]
                stated = tuple(f"{name}={value}" for name, value in short)
                text = " ".join(value for _, value in short)
                if words(text) >= FEWEST and all(other in answers for other in self.index.holding(stated).tolist()):
                    if len(kept) < len(told):
                        yield Query(text, stated)
                    break

    def _why_not(self, twin: str, query: Query, answers: dict[int, float]) -> str:
        said = tokens(query.text)
        if words(query.text) < FEWEST + (twin == "long") or not said:
            return "its attributes say too little"
        if tuple(said) in self.verbatim:
            return "is a title word for word"
        if any(other not in answers for other in self.titles.with_all(said).tolist()):
            return "another product's title holds all its words"
        return self.heard[twin].why_not(said)

    def _taken(self, row: int, query: dict[str, Query], answers: dict[int, float]) -> Asked:
        self.taken.update(answers)
        grades = {}
        for twin, one in query.items():
            self.heard[twin].add(tokens(one.text))
            rows, found = self.index.grades(one, row)
            grades[twin] = dict(zip(rows.tolist(), found.tolist(), strict=True)) | answers
        return Asked(row, query, grades)


def part(collection: Collection, row: int) -> str:
    """The part that a product belongs to: train, dev or test; "" if it was dropped."""
    return str(collection.split[row]).removeprefix("zero-").removeprefix("dropped")


def parts_of_groups(collection: Collection) -> dict[int, set[str]]:
    """Duplicate group -> the parts that its products belong to."""
    found: dict[int, set[str]] = {}
    for row, group in enumerate(collection.group.tolist()):
        found.setdefault(group, set()).add(part(collection, row))
    return {group: parts - {""} for group, parts in found.items()}


def _members(labels: list) -> dict[object, list[int]]:
    found: dict[object, list[int]] = {}
    for row, label in enumerate(labels):
        found.setdefault(label, []).append(row)
    return found
