"""A study's results by what they are about, for the page, the figures and the terminal."""

from weft.report.words import DOMAINS

KINDS = {"base": "the base", "tuned": "fine-tuned end", "woven": "interpolated", "encoder": "another encoder"}
MARKS = {"better": "▲", "worse": "▼"}
VERDICTS = {"confirmed": "✓", "not confirmed": "✗", "reversed": "⇄", "undecided": "?"}


class Index:
    """Look-ups; every method returns what the results hold, or None."""

    def __init__(self, results: dict):
        self.results = results
        self.rows = {row["name"]: row for row in results["rows"]}
        self.labels = results["labels"]
        self.tasks = {task["name"]: task for task in results["tasks"]}
        self.reference, self.base = results["reference"], results["base_row"]
        self._scores = {(row["row"], row["task"]): row for row in results["scores"]}
        self._means = {(row["row"], row["domain"]): row for row in results["means"]}
        self._gaps = {(row["row"], row["against"], row["task"]): row for row in results["differences"]}
        self._mean_gaps = {(row["row"], row["against"], row["domain"]): row for row in results["mean_differences"]}

    def label(self, name: str) -> str:
        return self.labels.get(name, name)

    def columns(self) -> list[tuple[str, str, str]]:
        """(kind, name, heading): the mean of every domain, then every task under its domain."""
        found = [("mean", domain, f"{DOMAINS[domain]} mean") for domain in self.results["domains"]]
        for domain in DOMAINS:
            found += [("task", t["name"], t["name"]) for t in self.tasks.values() if t["domain"] == domain]
        return found

    def value(self, row: str, kind: str, name: str) -> dict | None:
        return (self._means if kind == "mean" else self._scores).get((row, name))

    def gap(self, row: str, against: str, kind: str, name: str) -> dict | None:
        """The difference of a row from another; turned around where that is how it was declared."""
        held = self._mean_gaps if kind == "mean" else self._gaps
        found = held.get((row, against, name))
        if found or not (found := held.get((against, row, name))):
            return found
        turned = {"better": "worse", "worse": "better"}
        return found | {"row": row, "against": against, "difference": -found["difference"], "low": -found["high"]} | {
            "high": -found["low"], "call": turned.get(found["call"], found["call"]),
            "by_seed": [-one for one in found["by_seed"]],
        }  # fmt: skip

    def marks(self, row: str, kind: str, name: str) -> str:
        """▲ ▼ against the reference, △ ▽ against the base, where the declared test says so."""
        found = ""
        for against, hollow in ((self.reference, False), (self.base, True)):
            gap = self.gap(row, against, kind, name) if row != against else None
            mark = MARKS.get(gap["call"], "") if gap else ""
            found += mark.translate({ord("▲"): "△", ord("▼"): "▽"}) if hollow else mark
        return found

    def alphas(self, row: dict) -> str:
        """For instance "0.4" or "0.3, 0.4, 0.4"."""
        each = [
            f"{one:g}" if isinstance(one, float) else " / ".join(f"{v:g}" for v in _values(one))
            for one in row["alphas"]
        ]
        return each[0] if len(set(each)) == 1 else ", ".join(each)


def _values(alpha: object) -> list[float]:
    return list(alpha.values()) if isinstance(alpha, dict) else list(alpha) if isinstance(alpha, list) else [alpha]
