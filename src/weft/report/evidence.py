"""The parts of the page that show the data itself: queries with pictures, what was left out, how to do it again."""

from weft.report.html import Html, clean, join, quoted, tag
from weft.report.pictures import Thumbnails
from weft.report.tables import heads, scrolled
from weft.report.words import TERMS, definition, metric_name, number, percent

RELEVANT = 2.0
"""Grade from which a product is outlined as relevant, if `results["relevant_grade"]` does not say."""

OPEN = 2
"""Examples of a task that are shown at once; the others unfold."""


def examples(results: dict, thumbnails: Thumbnails) -> Html | None:
    """For each task, queries with what the models return, side by side."""
    found = results.get("examples") or []
    relevant = results.get("relevant_grade", RELEVANT)
    if not found:
        return None
    parts = [
        tag("p", "Chosen where the two models differ most, gains and losses in turn. A solid outline and its grade "
                 f"mark a relevant product (grade {number(relevant)} or more)."),
    ]  # fmt: skip
    for task in dict.fromkeys(example["task"] for example in found):
        shown = [_example(e, relevant, thumbnails) for e in found if e["task"] == task]
        parts.append(tag("h3", quoted(task)))
        parts.append(join(shown[:OPEN]))
        if len(shown) > OPEN:
            parts.append(tag("details", tag("summary", f"{len(shown) - OPEN} more"), shown[OPEN:]))
    return join(parts)


def _example(example: dict, relevant: float, thumbnails: Thumbnails) -> Html:
    sides = []
    for row in example["rows"]:
        items = [_item(item, example.get("source"), relevant, thumbnails) for item in row["items"]]
        content = tag("ol", items) if items else tag("p", "Nothing was returned.")
        sides.append(tag("div", tag("h5", quoted(row["model"])), content, class_="side"))
    query = tag("h4", "“", quoted(example["query"]), "”")
    return tag("article", query, tag("div", sides, class_="sides"), class_="example")


def _item(item: dict, source: str | None, relevant: float, thumbnails: Thumbnails) -> Html:
    title, grade = item.get("title") or item["product_id"], item.get("grade") or 0
    label = f"grade {number(grade)}" + (", in part" if grade < relevant else "") if grade else "not relevant"
    own = item["product_id"] == source and bool(source)
    return tag(
        "li",
        thumbnails(item["image"], title),
        tag("span", label, " · source" if own else None, class_="grade"),
        tag("span", quoted(title, 120), class_="title", title=clean(title, 300)),
        class_="relevant" if grade >= relevant else None,
    )


def curated(curate: dict, thumbnails: Thumbnails) -> Html | None:
    """The sum of what came in and went out, with reasons, duplicates and what may not be trained on."""
    counts = curate.get("counts")
    if not counts:
        return None
    came, kept, skipped = (_counted(counts[key], key) for key in ("in", "kept", "skipped"))
    parts = [
        tag("p", came, " = ", kept, " + ", skipped, class_="sum"),
        tag(
            "div",
            _pairs_table("How the kept products are split", ("Split", "Products"), counts.get("splits", {})),
            _pairs_table("Why pictures and rows were skipped", ("Reason", "Count"), curate.get("skipped_reasons", {})),
            class_="beside",
        ),
        _listed("skipped", curate.get("skipped", ()), "item"),
    ]
    dropped = curate.get("dropped", ())
    if counts.get("dropped"):
        told = f"{number(counts['dropped'])} kept products stay in the gallery but are not trained on."
        leaks = {
            f"{name}, by {how}": count for name, by in (curate.get("leaks") or {}).items() for how, count in by.items()
        }
        found = _pairs_table("Products that a named benchmark contains", ("Benchmark", "Products"), leaks)
        parts += [tag("h3", "Kept out of training"), tag("p", told), found, _listed("kept out", dropped, "product_id")]
    if beside := curate.get("reference"):
        parts += [tag("h3", "The reference"), tag("p", _reference_told(beside))]
    parts.append(_quality(curate.get("quality") or {}, thumbnails))
    parts.append(_duplicates(curate.get("duplicates") or {}, thumbnails))
    return join(parts)


def _reference_told(counts: dict) -> str:
    """What became of `[[reference]]`, in a sentence."""
    kept, images, dropped, skipped = (number(counts[name]) for name in ("kept", "images", "dropped", "skipped"))
    return (
        f"Beside the catalogue there are {kept} other products with {images} pictures for train.reference. Of these "
        f"{dropped} are left out, as a query here asks for their picture; {skipped} more could not be used."
    )


def _counted(count: object, word: str) -> Html:
    return tag("span", tag("b", number(count)), " ", word)


def _pairs_table(caption: str, names: tuple[str, str], pairs: dict) -> Html | None:
    if not pairs:
        return None
    rows = [tag("tr", tag("th", quoted(name), scope="row"), tag("td", number(count))) for name, count in pairs.items()]
    return tag("table", tag("caption", caption, "."), heads(*names), tag("tbody", rows), class_="small")


def _listed(what: str, rows: list[dict], key: str) -> Html | None:
    if not rows:
        return None
    told = ((quoted(row.get(key, ""), 120), quoted(row.get("reason", ""))) for row in rows)
    lines = [tag("li", tag("strong", name), ": ", reason) for name, reason in told]
    summary = f"The first {len(lines)} {what}, by name" if len(lines) > 1 else f"The one {what}, by name"
    return tag("details", tag("summary", summary), tag("ul", lines, class_="plain"))


def _quality(found: dict[str, dict], thumbnails: Thumbnails) -> Html | None:
    """What each rule took, with examples; rules that were turned off are not there."""
    if not found:
        return None
    names, rows = ("pictures", "skipped", "dropped"), []
    for rule, told in found.items():
        cells = [tag("td", number(told[name])) for name in names]
        rows.append(tag("tr", tag("th", quoted(f"{rule}: {told['tells']}"), scope="row"), cells))
    columns = heads("Rule", "Pictures left out", "Products skipped", "Products not trained on")
    label = "What each rule of quality took"
    table = tag("table", tag("caption", label, "."), columns, tag("tbody", rows), class_="small")
    return join(tag("h3", "Quality"), scrolled(label, table), [_taken(*one, thumbnails) for one in found.items()])


def _taken(rule: str, told: dict, thumbnails: Thumbnails) -> Html | None:
    if not told["examples"]:
        return None
    shown = [
        tag("li", thumbnails(one["image"], one["item"]), tag("span", quoted(f"{one['item']}: {one['reason']}", 160)))
        for one in told["examples"]
    ]
    count = f"{len(shown)} examples" if len(shown) > 1 else "one example"
    return tag("details", tag("summary", quoted(rule), f": {count}"), tag("ul", shown, class_="groups"))


def _duplicates(found: dict, thumbnails: Thumbnails) -> Html | None:
    if not found.get("groups"):
        return None
    told = f"{number(found['groups'])} groups share a picture or nearly so, at most {number(found.get('largest'))} "
    told += "products to a group. "
    told += "A group is never cut by a split, and its members are never each other's negatives."
    groups = [
        tag("li", [thumbnails(image, f"duplicate {place} of group {row}") for place, image in enumerate(group, 1)])
        for row, group in enumerate(found.get("examples", ()), 1)
    ]
    shown = tag("ul", groups, class_="groups") if groups else None
    return join(tag("h3", "Duplicates"), tag("p", told), shown)


def queries(curate: dict) -> Html | None:
    """Lengths of what the model reads, and how much of it the text tower cuts off."""
    lengths = dict(curate.get("words") or {})
    pairs = dict(curate.get("pairs") or {})
    share = pairs.pop("cut_share", None)
    lengths |= {name.replace("_", " "): stats for name, stats in pairs.items() if isinstance(stats, dict)}
    asked = _pairs_table("Queries asked, by task and split", ("Task and split", "Queries"), curate.get("queries") or {})
    if not lengths and share is None and asked is None:
        return None
    names = list(dict.fromkeys(key for stats in lengths.values() for key in stats))
    rows = [
        tag(
            "tr",
            tag("th", quoted(name), scope="row"),
            [tag("td", number(stats[key]) if key in stats else "") for key in names],
        )
        for name, stats in lengths.items()
    ]
    told = None if share is None else tag("p", f"The text tower cuts off {percent(share)}% of the texts.")
    label = "Length of the texts, in words unless tokens are named"
    table = tag("table", tag("caption", label, "."), heads("Texts", *names), tag("tbody", rows), class_="small")
    return join(told, scrolled(label, table) if rows else None, asked)


def reproduce(results: dict) -> Html:
    """The command, the seed and the versions."""
    recipe = results.get("recipe") or "RECIPE"
    command = f"weft run {recipe}{'' if str(recipe).endswith('.toml') else '.toml'} --set seed={results.get('seed', 0)}"
    told = "With the same data, versions and thread count, the same command ends with the same weights, bit by bit."
    cost = {name.replace("_", " "): value for name, value in results.get("cost", {}).items()}
    return join(
        tag("pre", tag("code", clean(command))),
        tag("p", told),
        tag(
            "div",
            _pairs_table("Versions", ("What", "Version"), results.get("environment", {})),
            _pairs_table("Cost of training", ("What", "Value"), cost),
            class_="beside",
        ),
    )


def definitions(results: dict) -> Html:
    """One line for each metric that occurs and each term the page uses."""
    relevant = number(results.get("relevant_grade", RELEVANT))
    metrics = dict.fromkeys(row["metric"] for row in results["scores"])
    told = [(metric_name(metric), definition(metric)) for metric in metrics if definition(metric)]
    told += [(term, text.format(relevant=relevant)) for term, text in TERMS.items()]
    return tag("dl", [tag("div", tag("dt", term), tag("dd", text, ".")) for term, text in told], class_="terms")
