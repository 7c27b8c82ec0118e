"""A study's table, claims and costs as Markdown and for the terminal."""

import textwrap

from weft.report.html import clean
from weft.report.study.index import VERDICTS, Index
from weft.report.words import metric_name, missing, number, percent, points

LIMITS = (
    "One base and a few seeds do not speak for all bases: intervals are over queries, of scores averaged over seeds; "
    "a difference is marked only where every seed has its sign, and seeds vary training, not the split."
)


def markdown(results: dict) -> str:
    """The whole study as Markdown: what a paper's appendix or an issue would quote."""
    index = Index(results)
    lines = [f"# Study {clean(results['name'])}", "", _final(results), ""]
    lines += [f"> **{clean(warning)}**\n" for warning in results["warnings"]]
    lines += ["## Claims", "", *_claims(index), "", "## Scores", "", legend(index), "", *_table(index)]
    lines += ["", LIMITS, "", "![Figure 1](figures/trade.png)", "", "![Figure 2](figures/alpha.png)", ""]
    lines += ["## Differences of the means", "", *_gaps(index), "", "## Cost of training", "", *_costs(index)]
    lines += ["", "## Where the final model does not win", "", *_exceptions(results)]
    return "\n".join(lines).rstrip() + "\n"


def legend(index: Index) -> str:
    return (
        f"Percent, with 95% intervals. ▲ ▼ better or worse than {index.label(index.reference)}, △ ▽ than "
        f"{index.label(index.base)}: interval, Holm's test over the {len(index.results['differences'])} declared "
        "comparisons (means: a family of their own) and every seed agree. ¹ one seed."
    )


def name_of(row: dict) -> str:
    return clean(row["label"]) + ("¹" if row["one_seed"] else "")


def _table(index: Index) -> list[str]:
    columns = index.columns()
    heads = ["row", "α", *(f"{head}{_star(index, kind, name)}" for kind, name, head in columns)]
    metrics = [
        "",
        "",
        *(metric_name(index.tasks[name]["primary"]) if kind == "task" else "" for kind, name, _ in columns),
    ]
    lines = [_line(heads), "|---|---|" + "---:|" * len(columns), _line(metrics)]
    for row in index.rows.values():
        cells = [_cell(index, row["name"], kind, name) for kind, name, _ in columns]
        lines.append(_line([name_of(row), index.alphas(row), *cells]))
    if any(not task["counts"] for task in index.tasks.values()):
        why = "the base is below twice chance, or half way from chance to 1, on dev queries"
        lines += ["", f"\\* does not count: {why}."]
    return lines


def _star(index: Index, kind: str, name: str) -> str:
    return "\\*" if kind == "task" and not index.tasks[name]["counts"] else ""


def _cell(index: Index, row: str, kind: str, name: str) -> str:
    found = index.value(row, kind, name)
    if found is None or missing(found["value"]):
        return "–"
    ends = f"[{percent(found['low'])}, {percent(found['high'])}]"
    return f"{percent(found['value'])} {index.marks(row, kind, name)} {ends}".replace("  ", " ")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _claims(index: Index) -> list[str]:
    lines = []
    for claim in index.results["claims"]:
        lines.append(f"- **{claim['verdict']}**: {clean(claim['text'])}")
        lines += [f"  - {part(index, one)}" for one in claim["parts"]]
    return lines or ["None was declared."]


def part(index: Index, one: dict) -> str:
    """One part of a claim as a sentence with its figures."""
    who = f"{clean(index.label(one['better']))} − {clean(index.label(one['than']))}, {one['domain']} mean"
    if "difference" not in one:
        return f"{who}: {one['verdict']} ({one['why']})"
    ends = f"[{points(one['low'])}, {points(one['high'])}]"
    seeds = ", ".join(points(gap) for gap in one["by_seed"])
    why = f"; {clean(one['why'])}" if one["why"] else ""
    return f"{who}: {points(one['difference'])} {ends}; seeds {seeds}: {one['verdict']}{why}"


def _gaps(index: Index) -> list[str]:
    domains = list(index.results["domains"])
    lines = [_line([f"against {index.label(index.reference)}", *domains]), "|---|" + "---:|" * len(domains)]
    for name, row in index.rows.items():
        if name != index.reference:
            lines.append(
                _line([name_of(row), *(gap_told(index.gap(name, index.reference, "mean", d)) for d in domains)])
            )
    return lines


def gap_told(gap: dict | None) -> str:
    return "–" if gap is None else f"{points(gap['difference'])} [{points(gap['low'])}, {points(gap['high'])}]"


def _costs(index: Index) -> list[str]:
    lines = ["| row | trained numbers | steps | seconds | steps a second |", "|---|---:|---:|---:|---:|"]
    for row in index.rows.values():
        if cost := row.get("cost"):
            told = [number(cost["trainable"]), number(cost["steps"]), f"{cost['seconds']:.0f}"]
            lines.append(_line([name_of(row), *told, f"{cost['steps_per_second']:.2f}"]))
    return lines


def _final(results: dict) -> str:
    return clean(results["final"]["sentence"])


def _exceptions(results: dict) -> list[str]:
    return [f"- {clean(one['text'])}" for one in results["final"]["exceptions"]] or ["Nowhere."]


def terminal(results: dict, width: int = 118) -> str:
    """Means and claims; every task is on the page."""
    index = Index(results)
    domains = list(results["domains"])
    left = max(len(name_of(row)) for row in index.rows.values())
    lines = [" ".join([" " * left, " " * 14, *(f"{domain:>22}" for domain in domains)]).rstrip()]
    for row in index.rows.values():
        cells = [_short(index, row["name"], domain) for domain in domains]
        lines.append(" ".join([name_of(row).ljust(left), index.alphas(row)[:14].ljust(14), *cells]).rstrip())
    lines += ["", *textwrap.wrap(legend(index), width), ""]
    for claim in results["claims"]:
        lines.append(f"{VERDICTS[claim['verdict']]} {claim['verdict']:<14} {clean(claim['text'])}")
    lines += ["", *textwrap.wrap(_final(results), width)]
    lines += [f"! {clean(warning)}" for warning in results["warnings"]]
    return "\n".join(lines)


def _short(index: Index, row: str, domain: str) -> str:
    found = index.value(row, "mean", domain)
    if found is None:
        return f"{'–':>22}"
    half = percent((found["high"] - found["low"]) / 2)
    return f"{percent(found['value'])} ±{half} {index.marks(row, 'mean', domain):<2}".rjust(22)
