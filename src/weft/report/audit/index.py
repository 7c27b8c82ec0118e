"""An audit's results by check and task, and the order in which the page shows them; looks up, computes nothing."""

from collections.abc import Iterator

GRAVITY = {"error": "✗", "warning": "!", "note": "·"}
"""Severities, the gravest first, with the sign that a page shows beside the word or colour."""


class Index:
    """Attributes: benchmarks as they stand; tasks: (benchmark, task) in order; found: (check, benchmark, task) ->
    findings; status: the same -> "found", "silent" or "not run"."""

    def __init__(self, results: dict):
        self.results = results
        self.benchmarks: list[dict] = results.get("benchmarks") or []
        self.tasks = [(benchmark["name"], task["name"]) for benchmark in self.benchmarks for task in benchmark["tasks"]]
        self.about = {check["name"]: check for check in results.get("checks") or ()}
        self.found: dict[tuple[str, str, str], list[dict]] = {}
        for row in results.get("findings") or ():
            self.found.setdefault((row["check"], row["benchmark"], row["task"]), []).append(row)
        self.status = {
            (row["check"], row["benchmark"], row["task"]): row["status"] for row in results.get("outcomes") or ()
        }

    def rows(self, check: str) -> list[dict]:
        """Findings of a check in the order of the tasks."""
        return [row for place in self.tasks for row in self.found.get((check, *place), ())]

    def ordered(self) -> list[str]:
        """Names of the checks: those with the gravest findings first, else in the order in which they ran."""

        def gravity(check: str) -> int:
            return min((list(GRAVITY).index(row["severity"]) for row in self.rows(check)), default=len(GRAVITY))

        return sorted(self.about, key=gravity)

    def by_check(self) -> Iterator[tuple[str, str, list[dict]]]:
        """Anchor, check and findings of those that found something."""
        for check in self.ordered():
            if rows := self.rows(check):
                yield self.anchor(check), check, rows

    def ran(self, check: str) -> bool:
        """Whether a check ran on any task."""
        return any(self.status.get((check, *place)) in ("found", "silent") for place in self.tasks)

    def quiet(self, check: str) -> bool:
        """Whether a check ran somewhere and found nothing anywhere."""
        said = {self.status.get((check, *place)) for place in self.tasks}
        return "silent" in said and "found" not in said

    def anchor(self, check: str, benchmark: str = "", task: str = "") -> str:
        """What a link leads to; numbers, since names may hold anything."""
        place = f"t{self.tasks.index((benchmark, task))}" if task else ""
        return f"c{list(self.about).index(check)}{place}"

    def pictures(self) -> Iterator[str]:
        """Pictures in the order in which they are granted room: the first example of every finding, then the second."""
        rows = [row for check in self.ordered() for row in self.rows(check)]
        for turn in range(max((len(row["examples"]) for row in rows), default=0)):
            for row in rows:
                if turn < len(row["examples"]):
                    yield from row["examples"][turn]["pictures"]
