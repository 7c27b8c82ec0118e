"""The worst queries behind each score, with small pictures that are stored once, however often they are shown."""

from collections.abc import Callable, Iterator
from itertools import zip_longest

from weft.report.html import Html, join, quoted, tag
from weft.report.leaderboard.index import Index, Key, interval
from weft.report.pictures import thumbnail
from weft.report.words import metric_name, missing, number, percent

SIDE = 96
"""The longest side of a picture, in pixels."""

ROOM = 8 * 2**20
"""Bytes of the page that pictures may fill."""

CASES = 3
RETURNED = 6
ANSWERS = 2
"""Of a score, worst queries; of each, results and right answers that are shown."""

MOST = 2000
"""Queries on the page, over all scores."""


class Pictures:
    """Picture ids as class names of a style sheet that holds each picture once, up to `room` bytes."""

    def __init__(self, image: Callable[[str], bytes], room: int):
        self.image, self.room, self.full = image, room, False
        self.names: dict[str, str | None] = {}
        self.rules: dict[str, str] = {}
        self.left_out: set[str] = set()

    def add(self, image_id: str) -> None:
        """Makes a picture ready to be shown. What is asked for first is stored first."""
        if image_id in self.names or image_id in self.left_out:
            return
        found = None if self.full else thumbnail(self.image, image_id, SIDE, quality=75)
        data = found and found[0]
        rule = f"{{background-image:url(data:image/jpeg;base64,{data})}}\n"
        if data is not None and rule not in self.rules:
            self.full = len(rule) > self.room
            if not self.full:
                self.room -= len(rule)
                self.rules[rule] = f"p{len(self.rules)}"
        if self.full:
            self.left_out.add(image_id)
        else:
            self.names[image_id] = None if data is None else self.rules[rule]

    def show(self, image_id: str, label: str | None = None) -> Html:
        """A tile; `label` where no words beside it say what it shows."""
        name = self.names.get(image_id)
        words = None if name else "left out" if image_id in self.left_out else "no picture"
        role = "img" if label else None
        return tag("span", words, class_=f"pic {name or 'lost'}", role=role, aria_label=label)

    def sheet(self) -> str:
        return "".join(f".{name}{rule}" for rule, name in self.rules.items())


def worst(index: Index, image: Callable[[str], bytes], room: int = ROOM) -> tuple[Html | None, str]:
    """The section, of which a reader sees the part that a score links to, and the style sheet of its pictures."""
    if not index.worst:
        return None, ""
    chosen = _chosen(index)
    pictures = Pictures(image, room)
    for image_id in _in_turn(index, chosen):
        pictures.add(image_id)
    tasks = {(task["benchmark"], task["name"]): task for task in index.tasks}
    first = next(iter(sorted(chosen, key=lambda place: place[0] != index.candidate)))
    parts = [_set(index, place, rows, tasks.get(place[1:]), pictures, place == first) for place, rows in chosen.items()]
    return join(_limits(index, chosen, pictures), parts), pictures.sheet()


def _chosen(index: Index) -> dict[Key, list[dict]]:
    """The queries that are shown. Every score keeps its first before any has a second."""
    kept: dict[Key, list[dict]] = {place: [] for place in index.worst}
    room = MOST
    for rank in range(CASES):
        for place, rows in index.worst.items():
            if rank < len(rows) and room:
                kept[place].append(rows[rank])
                room -= 1
    return kept


def _in_turn(index: Index, chosen: dict[Key, list[dict]]) -> Iterator[str]:
    """Picture ids in the order in which they are granted, so that what is left out is spread thin.

    The first picture of every score's first query, the candidates' before others', then the second pictures, and
    so on; second queries after that.
    """
    places = sorted(chosen, key=lambda place: index.role(place[0]) != "candidate")
    for rank in range(CASES):
        rows = [_images(chosen[place][rank]) for place in places if rank < len(chosen[place])]
        for turn in zip_longest(*rows):
            yield from filter(None, turn)


def _images(case: dict) -> list[str]:
    shown = [*case.get("relevant", ())[:ANSWERS], *case.get("returned", ())[:RETURNED]]
    return [found for found in (case.get("query_image"), *(item.get("image") for item in shown)) if found]


def _limits(index: Index, chosen: dict[Key, list[dict]], pictures: Pictures) -> Html:
    told = (
        f"A score in a table above leads to the queries on which it is lowest: at most {CASES} a score, with "
        f"{RETURNED} results and {ANSWERS} right answers each. A green outline marks a right answer."
    )
    queries = sum(map(len, index.worst.values())) - sum(map(len, chosen.values()))
    out = [f"{number(queries)} queries"] * bool(queries)
    if pictures.left_out:
        every = len(pictures.names) + len(pictures.left_out)
        out.append(f"{number(len(pictures.left_out))} of {number(every)} pictures")
    left = f"Left out to keep this page small: {' and '.join(out)}; leaderboard.json names them all." if out else None
    return join(tag("p", told, class_="plain"), tag("p", left, class_="note plain") if left else None)


def _set(index: Index, place: Key, rows: list[dict], task: dict | None, pictures: Pictures, first: bool) -> Html:
    model, benchmark, name = place
    anchor = index.anchors[place]
    score = index.score(model, task) if task else None
    told = None
    if score:
        back = tag("a", "back to the score", href=f"#c{anchor}")
        value = [tag("b", percent(score["value"])), " ", tag("small", interval(score))]
        told = tag("p", metric_name(task["primary"]), " ", value, " · ", back, class_="plain")
    head = tag("h3", quoted(model), " on ", quoted(benchmark), ", ", quoted(name))
    shown = [_case(row, pictures) for row in rows] or tag("p", "Left out to keep this page small.", class_="plain")
    return tag("section", head, told, shown, id=f"w{anchor}", class_="set first" if first else "set")


def _case(case: dict, pictures: Pictures) -> Html:
    relevant, returned = case.get("relevant") or [], case.get("returned") or []
    count, least = case.get("relevant_count", len(relevant)), case.get("relevant_grade", 0)
    query = ["“", quoted(case["query"]), "”"] if case.get("query") else None
    asked = pictures.show(case["query_image"], "the query's picture") if case.get("query_image") else None
    told = ["query ", quoted(case.get("query_id", ""), 80)]
    if not missing(case.get("value")):
        told += [", scored ", tag("b", percent(case["value"]))]
    more = f"Right answers, {ANSWERS} of {number(count)}" if count > ANSWERS else "Right answers"
    words = tag("div", tag("h4", query) if query else None, tag("p", told, class_="plain"))
    answers = _side(more, relevant[:ANSWERS], least, pictures, "None is in the gallery.")
    results = _side("Returned", returned[:RETURNED], least, pictures, "Nothing was returned.")
    asked = tag("div", asked, words, class_="asked")
    return tag("article", asked, tag("div", answers, results, class_="row"), class_="case")


def _side(head: str, items: list[dict], least: float, pictures: Pictures, none: str) -> Html:
    content = tag("ol", [_item(item, least, pictures) for item in items]) if items else tag("p", none, class_="plain")
    return tag("div", tag("h5", head), content)


def _item(item: dict, least: float, pictures: Pictures) -> Html:
    grade = item.get("grade")
    right = not missing(grade) and grade > 0 and grade >= least
    label = f"grade {number(grade)}" if not missing(grade) and grade > 0 else "not relevant"
    image = item.get("image")
    return tag(
        "li",
        pictures.show(image) if image else None,
        tag("span", label, class_="grade"),
        tag("span", quoted(item.get("title") or item["id"], 90), class_="title"),
        class_="relevant" if right else None,
    )
