"""What writing and grading came to, for a terminal."""

from weft.pairs.checking import KINDS

EXPLAINED = KINDS | {
    "unparsed": "no text could be told from the answer",
    "not asked": "the budget was spent: run again with more to go on",
    "failed": "no answer could be had: run again to ask again",
}


def written(found: dict) -> str:
    """Of `weft.curation.write.write`."""
    if "kinds" not in found:
        return found["estimate"]
    lines = [f"{'':<8}{'texts':>9}{'written':>9}{'deterministic':>15}{'words':>7}   repeated 2-, 3-, 4-grams"]
    for kind, told in found["kinds"].items():
        length = f"{told['words']['mean']:.1f}" if told["words"] else ""
        shares = [_shares(told[name]) for name in ("diversity", "diversity of the deterministic writer")]
        lines.append(
            f"{kind:<8}{told['texts']:>9,}{told['written']:>9,}{told['texts'] - told['written']:>15,}{length:>7}"
            f"   {shares[0]}" + (f" (deterministic: {shares[1]})" if told["written"] else "")
        )
    for kind, told in found["kinds"].items():
        for what, title in (("rejected", "answers rejected"), ("deterministic", "taken from the deterministic writer")):
            if told[what]:
                lines.append(f"\n{kind}, {title}:")
                lines += [f"  {count:>7,}  {name}: {EXPLAINED[name]}" for name, count in told[what].items()]
    if found["invented"]:
        lines.append("\ninvented most often:")
        lines += [f"  {count:>7,}  {value}" for value, count in found["invented"].items()]
    if found["twins"]:
        told = found["twins"]
        lines.append(
            f"\ntwins: {told['rewritten']:,} of {told['queries']:,} dev and test queries say the same in other words; "
            f"{told['left out']:,} have none, because what they state cannot be checked"
        )
    return "\n".join([*lines, *(["", found["spent"]] if found["spent"] else [])])


def _shares(told: dict) -> str:
    return ", ".join(f"{told['repeated'][n]:.1%}" for n in "234")


def graded(found: dict) -> str:
    """Of `weft.curation.grade.grade`."""
    if "status" not in found:
        return found["estimate"]
    lines = ["  ".join(f"{name} {count:,}" for name, count in found["status"].items())]
    for name in ("positives", "near misses"):
        told = "   ".join(f"{grade}: {count:,}" for grade, count in found[name].items())
        lines.append(f"{name:<12} by grade   {told or 'none'}")
    if missing := sum(count for name, count in found["status"].items() if name != "graded"):
        lines.append(f"{missing:,} pairs have no grade: training takes what their statements say, as without a judge")
    return "\n".join([*lines, *([found["spent"]] if found.get("spent") else [])])
