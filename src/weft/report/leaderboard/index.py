"""Look-ups in the results that every part of the leaderboard shares."""

from collections.abc import Callable

from weft.report.words import missing, percent, points

CALLS = {"better": "worse", "worse": "better", "undecided": "undecided"}
"""The call of a comparison, seen from its other side."""

Key = tuple[str, ...]


class Index:
    """The results by what their rows are about. `place` is always (model, benchmark, task).

    Attributes:
        candidate: the model whose comparisons mark the cells: the first with the role "candidate", else None.
        anchors: place -> the number behind a score's link, for places that have worst queries.

    Raises:
        ValueError: two rows are about the same thing, so that one of them would be lost.
    """

    def __init__(self, results: dict):
        self.results = results
        self.models: list[dict] = results.get("models", [])
        self.tasks: list[dict] = results.get("tasks", [])
        self.names = [model["name"] for model in self.models]
        self.candidates = [model["name"] for model in self.models if model.get("role") == "candidate"]
        self.candidate = self.candidates[0] if self.candidates else None
        keys = ("model", "benchmark", "task", "metric")
        self.scores = _once(results.get("scores", ()), keys)
        self.differences = _once(results.get("differences", ()), (*keys, "against"))
        self.fidelity = _grouped(results.get("fidelity", ()))
        self.seen = _grouped(row for row in results.get("contamination", ()) if row.get("count"))
        self.worst = _grouped(results.get("worst", ()))
        self.anchors = {place: number for number, place in enumerate(self.worst)}

    def of(self, benchmark: str) -> list[dict]:
        """The benchmark's tasks in their order."""
        return [task for task in self.tasks if task["benchmark"] == benchmark]

    def benchmarks(self) -> list[dict]:
        """Every benchmark that has a task, with its provenance where that is known."""
        known = {benchmark["name"]: benchmark for benchmark in self.results.get("benchmarks", ())}
        names = dict.fromkeys([*known, *(task["benchmark"] for task in self.tasks)])
        return [known.get(name, {"name": name}) for name in names if self.of(name)]

    def role(self, model: str) -> str:
        return next((m.get("role") or "baseline" for m in self.models if m["name"] == model), "baseline")

    def score(self, model: str, task: dict, metric: str | None = None) -> dict | None:
        """The row of the task's primary metric, or of another; None where there is no value."""
        row = self.scores.get((model, task["benchmark"], task["name"], metric or task["primary"]))
        return None if row is None or missing(row.get("value")) else row

    def standing(self, model: str, task: dict) -> tuple[str, float, dict] | None:
        """How a model stands to the candidate on the primary metric: call, its lead (negative: behind), the row."""
        key = (self.candidate, task["benchmark"], task["name"], task["primary"], model)
        row = self.differences.get(key)
        if row is None or missing(row.get("difference")):
            return None
        return CALLS.get(row["call"], row["call"]), 0.0 - row["difference"], row

    def checked(self, model: str, task: dict) -> dict | None:
        """The fidelity row that marks the cell: of the primary metric, else one that is off, else any."""
        rows = self.fidelity.get((model, task["benchmark"], task["name"]), [])
        own = [row for row in rows if row["metric"] == task["primary"]]
        order = {"off": 0, "verified": 1}
        return min(own or rows, key=lambda row: order.get(row["status"], 2), default=None)

    def metrics(self, task: dict) -> list[str]:
        """The task's metrics, then any further one that has a score."""
        scored = [key[3] for key in self.scores if key[1:3] == (task["benchmark"], task["name"])]
        return list(dict.fromkeys([*task.get("metrics", ()), *scored]))


def place(row: dict) -> Key:
    return row["model"], row["benchmark"], row["task"]


def interval(row: dict, write: Callable[[float], str] = percent) -> str:
    """The interval's two ends, "" where there is none."""
    if missing(row.get("low")) or missing(row.get("high")):
        return ""
    return f"{write(row['low'])} to {write(row['high'])}"


def fidelity_words(row: dict | None, primary: str = "", write: Callable[[str], str] = str) -> str:
    """ "✓ verified", "✗ off by −6.3" or "○ not verified", with the metric where it is not the primary one."""
    status = row["status"] if row else "not verifiable"
    if status not in ("verified", "off"):
        return "○ not verified"
    told = "✓ verified" if status == "verified" else "✗ off"
    if status == "off" and not missing(row.get("measured")) and not missing(row.get("published")):
        told += f" by {points(row['measured'] - row['published'])}"
    return told if row["metric"] == primary else f"{told} ({write(row['metric'])})"


def _once(rows, keys: tuple[str, ...]) -> dict[Key, dict]:
    found: dict[Key, dict] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        if key in found:
            raise ValueError(f"two rows of the results are about {key}")
        found[key] = row
    return found


def _grouped(rows) -> dict[Key, list[dict]]:
    found: dict[Key, list[dict]] = {}
    for row in rows:
        found.setdefault(place(row), []).append(row)
    return found
