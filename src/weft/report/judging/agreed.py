"""`weft agree` for readers: how far judges agree with people, with themselves, and whether they favour a system."""

from weft.report.html import Html
from weft.report.judging.sheet import Sheet
from weft.report.words import chance_value, number, percent

TITLE = "The judge under test"

LANDIS = (
    (0.0, "poor"),
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (1.0, "almost perfect"),
)
"""Landis & Koch, Biometrics 1977: words, not thresholds that mean anything by themselves."""


def sentences(record: dict) -> list[str]:
    told = []
    for row in record["judges"]:
        if found := row.get("agreement"):
            told.append(_told(row, found, record["against"]["who"]))
            told += _favours(row["judge"], found)
    if not told:
        told = ["Nobody else's grades were given, so only consistency can be told."]
    if people := record.get("people"):
        who = " and ".join(people["who"]) if len(people["who"]) == 2 else f"{len(people['who'])} annotators"
        told.append(
            f"{who} agree with each other to alpha {_ends(people['alpha'])} on {number(people['pairs'])} pairs."
        )
    return told


def _told(row: dict, found: dict, who: list[str]) -> str:
    kappa = found["kappa"]["quadratic"]
    word = "" if kappa[0] is None else f" ({next(word for top, word in LANDIS if kappa[0] <= top)})"
    error = found["error"][0]
    lean = "as strict as" if abs(error) < 0.005 else "stricter than" if error < 0 else "milder than"
    lean += f" they are, by {abs(error):.2f} grades on average" if abs(error) >= 0.005 else " they are"
    missing = f"; {number(row['missing'])} pairs have no grade" if row["missing"] else ""
    return (
        f"{row['judge']} agrees with {', '.join(who)} to a quadratic kappa of {_ends(kappa)}{word} on "
        f"{number(found['pairs'])} pairs of {number(found['queries'])} queries, and is {lean}{missing}."
    )


def _favours(judge: str, found: dict) -> list[str]:
    rows = found["by"].get("system", [])
    caught = [row for row in rows if row["p_holm"] <= 0.05]
    told = [f"{row['label']} by {_signed(row['excess'])} (p {chance_value(row['p_holm'])})" for row in caught]
    if told:
        return [f"{judge} grades some systems' results apart from equally good ones of others: {', '.join(told)}."]
    return [f"That {judge} favours any of {len(rows)} systems is not shown."] if rows else []


def sheets(record: dict) -> list[Sheet]:
    judged = [row for row in record["judges"] if row.get("agreement")]
    found = [_judges(judged)] if judged else []
    for row in judged:
        found.append(_confusion(row, record))
        found += [_split(row["judge"], kind, rows) for kind, rows in row["agreement"]["by"].items() if rows]
    found += [sheet for sheet in (_consistency(record["judges"]), _people(record.get("people"))) if sheet]
    return found


def _judges(rows: list[dict]) -> Sheet:
    head = [
        "Judge",
        "Pairs",
        "Missing",
        "Kappa, quadratic",
        "Linear",
        "Unweighted",
        "Same grade",
        "Within one",
        "Error",
    ]
    body = []
    for row in rows:
        found = row["agreement"]
        kappas = [_ends(found["kappa"][name]) for name in ("quadratic", "linear", "none")]
        shares = [_ends(found[name], percent) for name in ("exact", "within_one")]
        body.append(
            [row["judge"], number(found["pairs"]), number(row["missing"]), *kappas, *shares, _ends(found["error"])]
        )
    note = "Cohen's kappa with 95% intervals over queries. Error: the judge's grade minus people's; shares in percent."
    return Sheet("Agreement", head, body, note=note, first=True)


def _confusion(row: dict, record: dict) -> Sheet:
    levels = [f"{level:g}" for level in record["levels"]]
    who = "people" if all(name.startswith("human:") for name in record["against"]["who"]) else "the others"
    body = []
    for level, counts in zip(levels, row["agreement"]["confusion"], strict=True):
        total = sum(counts)
        shares = [f"{count} ({percent(count / total)})" if total else "0" for count in counts]
        body.append([f"{who} say {level}", *shares, str(total)])
    title = f"What {row['judge']} says where {who} say"
    note = "Pairs, and percent of the row: the diagonal is agreement."
    return Sheet(title, ["", *(f"judge says {level}" for level in levels), "all"], body, note=note, first=True)


def _split(judge: str, kind: str, rows: list[dict]) -> Sheet:
    kappa = kind != "grade"  # of one grade alone it says nothing
    head = [kind.capitalize(), "Pairs", "Queries", *["Kappa, quadratic"] * kappa, "Same grade", "Error"]
    note = f"Of {judge}{'' if kappa else ', by the grade that people gave'}."
    marks = {}
    if kind == "system":
        head += ["Error beyond equals", "p", "p (Holm)"]
        note += (
            " Error beyond equals: of the system's pairs against other pairs of the same query to which people gave "
            "the same grade. Better results have other errors (a 3 can only be graded too low): that is no favour."
        )
        marks = {place: "bad" for place, row in enumerate(rows) if row["p_holm"] <= 0.05}
    body = []
    for row in rows:
        body.append([row["label"], number(row["pairs"]), number(row["queries"])])
        body[-1] += [_ends(row["kappa"]["quadratic"])] * kappa + [_ends(row["exact"], percent), _ends(row["error"])]
        if kind == "system":
            body[-1] += [_signed(row["excess"]), chance_value(row["p"]), chance_value(row["p_holm"])]
    return Sheet(f"{judge}, by {kind}", head, body, note=note, first=kind == "system", marks=marks)


def _consistency(rows: list[dict]) -> Sheet | None:
    head = ["Judge", "Over", "Times", "Pairs", "All the same", "Alpha", "Shift of each"]
    body = []
    for row in rows:
        for name, told in (("repeats", "repeats"), ("orders", "query or product first")):
            if found := row.get(name):
                shifts = ", ".join(f"{one['label']}: {_ends(one['shift'])}" for one in found["shifts"])
                body.append([row["judge"], told, str(found["times"]), number(found["pairs"])])
                body[-1] += [_ends(found["identical"], percent), _ends(found["alpha"]), shifts]
    note = "How often a judge says the same again. Shift: mean grade of one repeat or order minus the pair's mean."
    return Sheet("Agreement with itself", head, body, words=2, note=note, first=True) if body else None


def _people(people: dict | None) -> Sheet | None:
    if not people:
        return None
    head = ["Annotators", "Pairs", "Kappa, quadratic", "Linear", "Unweighted", "Same grade", "Second minus first"]
    body = []
    for row in people["each"]:
        kappas = [_ends(row["kappa"][name]) for name in ("quadratic", "linear", "none")]
        body.append([f"{row['a']} and {row['b']}", number(row["pairs"]), *kappas])
        body[-1] += [_ends(row["exact"], percent), _ends(row["error"])]
    note = f"Krippendorff's alpha (ordinal) over all: {_ends(people['alpha'])}. No judge can be asked to agree better."
    return Sheet("Agreement with each other", head, body, note=note, first=True)


def drawing(record: dict) -> Html | None:
    return None


def _two(value: float | None) -> str:
    """Two digits, a true minus sign, and no minus before what rounds to nothing."""
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _ends(ends: list, write=_two) -> str:
    """A value with its interval, where it has one."""
    value, low, high = ends
    return write(value) if low is None else f"{write(value)} [{write(low)}, {write(high)}]"
