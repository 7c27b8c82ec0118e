"""Runs the proof on the drawn world, prints its tables, and keeps or checks what it showed.

python tools/proof.py [--products 1500] [--queries 400] [--seed 1] [--trials 1000] [--out runs/proof] [record | check]

record   writes expected/proof.json, docs/proof.png and the tables in docs/source-bias.md
check    compares with expected/proof.json; exit code 1 if something is off
"""

import argparse
import json
import re
from pathlib import Path

from weft.files import write_whole
from weft.proof import Settings, run
from weft.report import proof as page

ROOT = Path(__file__).resolve().parent.parent
EXPECTED, DOC, PICTURE = ROOT / "expected" / "proof.json", ROOT / "docs" / "source-bias.md", ROOT / "docs" / "proof.png"
TOLERANCE = 1.0
"""Points of score error: processors round differently, and near ties of systems fall otherwise."""
RATE = 0.03
"""Of false alarms, and of a judge's precision and recall."""


def kept(record: dict) -> dict:
    """What is shown of a record, rounded; of the audit's findings those that were looked for."""
    rows = [
        row | {"findings": {name: row["findings"][name]["sentence"] for name in (*row["found"], *row["also"])}}
        for row in record["benchmarks"]
    ]
    told = {"command": "make proof", "tolerance": TOLERANCE} | record | {"benchmarks": rows}
    return json.loads(json.dumps(told), parse_float=lambda text: round(float(text), 4))


def record_all(record: dict) -> None:
    record = kept(record)  # so that the page says what the file says, to the last digit
    write_whole(EXPECTED, json.dumps(record, indent=1) + "\n")
    page.save(record, PICTURE)
    text = DOC.read_text(encoding="utf-8")
    for name, table in page.TABLES.items():
        block = f"<!-- {name} -->\n{table(record)}\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- end -->", lambda _, b=block: b, text, flags=re.DOTALL)
    write_whole(DOC, text)


def check(record: dict, expected: dict) -> list[str]:
    """What differs from the expected record."""
    off, known = [], {row["benchmark"]: row for row in expected["benchmarks"]}
    for row in record["benchmarks"]:
        was, name, metric = known[row["benchmark"]], row["benchmark"], record["metric"]
        for what in ("found", "also"):
            if row[what] != was[what]:
                off.append(f"{name}: {what} {row[what]}, expected {was[what]}")
        for when in ("before", "after"):
            now, then = row[when][metric], was[when][metric]
            if abs(now["error"] - then["error"]) > TOLERANCE:
                off.append(f"{name}, {when}: error {now['error']:.1f}, expected {then['error']:.1f}")
        if row["after"][metric]["tau"] != was["after"][metric]["tau"]:
            off.append(f"{name}: tau {row['after'][metric]['tau']}, expected {was['after'][metric]['tau']}")
    now, then = rates(record), rates(expected)
    off += [
        f"{name}: {now.get(name, float('nan')):.3f}, expected {value:.3f}"
        for name, value in then.items()
        if not abs(now.get(name, float("nan")) - value) <= RATE
    ]
    biased = [[(row["benchmark"], row["judge"]) for row in one["judges"] if row["bias"]] for one in (record, expected)]
    return off + [f"judges that favour a source: {biased[0]}, expected {biased[1]}"] * (biased[0] != biased[1])


def rates(record: dict) -> dict[str, float]:
    """Every share that a record states, by name."""
    found = {f"false alarms, {name}": row["rate"] for name, row in record["false alarms"].items()}
    for row in record["judges"]:
        found |= {f"{row['benchmark']}, {row['judge']}: {what}": row[what] for what in ("precision", "recall")}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in Settings().__dict__.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out", type=Path, default=Path("runs/proof"))
    parser.add_argument("what", nargs="?", choices=("record", "check"))
    given = vars(parser.parse_args())
    out, what = given.pop("out"), given.pop("what")
    record = run(out, Settings(**given))
    print("\n\n".join(table(record) for table in page.TABLES.values()))
    print(f"\npicture  {page.save(record, out / 'proof.png')}")
    if what == "record":
        record_all(record)
    off = check(record, json.loads(EXPECTED.read_text(encoding="utf-8"))) if what == "check" else []
    print("\n".join(f"OFF  {line}" for line in off))
    return bool(off)


if __name__ == "__main__":
    raise SystemExit(main())
