"""The benchmark's card: how it was made, what is in it, what it cannot tell, and what its audit found."""

from collections.abc import Mapping, Sequence

import yaml

from weft import __version__
from weft.build.ask import TWINS
from weft.build.limits import limits
from weft.build.select import Settings
from weft.build.write import SUMS, file
from weft.publish.markdown import bullets, code, fenced, table, text

SHOWN = 15
"""Categories of the table."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))


def card(name: str, settings: Settings, facts: Mapping, audit: Mapping, licence: str = "") -> str:
    """The whole README.md.

    Args:
        facts: what `benchmark.json` holds. audit: what `weft.build.prove.prove` returned.
        licence: an identifier of the hub; "" is told as not stated.
    """
    sections = [
        ("", f"# {text(name)}\n\n{_opening(facts)}"),
        ("How it was made", bullets(_made(settings, facts))),
        ("What is right", bullets(_right(facts))),
        ("Statistics", _statistics(facts)),
        ("Known limits", bullets(limits(facts))),
        ("Audit", _audit(audit, facts["allowed"])),
        ("Files", _files(facts["parts"])),
        ("Reading it", _reading()),
        ("Licence", _licence(licence)),
    ]
    head = _metadata(name, facts, licence)
    return head + "\n" + "\n\n".join(f"## {title}\n\n{body}" if title else body for title, body in sections) + "\n"


def _metadata(name: str, facts: Mapping, licence: str) -> str:
    told: dict = {"pretty_name": name, "license": licence or "other"} | (
        {} if licence else {"license_name": "not-stated"}
    )
    size = facts["gallery"]["products"]
    told |= {
        "task_categories": ["text-retrieval"],
        "tags": ["text-to-image-retrieval", "product-search", "benchmark", "weft"],
        "size_categories": [next((label for most, label in SIZES if size < most), "n>10M")],
        "configs": list(_configs(facts["parts"])),
    }
    return "---\n" + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000) + "---\n"


def _configs(parts: Sequence[str]):
    """A config a table; dev's are apart, so that a config has one split and nobody takes one for the other."""
    for part in parts:
        for table_ in ("queries", "corpus", "ground_truth", *(f"qrels_{twin}" for twin in TWINS)):
            if part == "test" or table_ != "corpus":
                path = file(table_) if part == "test" else f"{part}/{file(table_)}"
                config = {
                    "config_name": table_ if part == "test" else f"{part}_{table_}",
                    "data_files": [{"split": part, "path": path}],
                }
                yield config | ({"default": True} if (part, table_) == ("test", "queries") else {})


def _opening(facts: Mapping) -> str:
    test = sum(one["queries"] for name, one in facts["statistics"].items() if name.startswith("test"))
    dev = sum(one["queries"] for name, one in facts["statistics"].items() if name.startswith("dev"))
    more = f", and {dev:,} more for development" if dev else ""
    return (
        f"Finding products by words: {test:,} test queries{more}, each short as a shopper types and long as a "
        f"catalogue speaks, over {facts['gallery']['products']:,} products with a picture each. Built by Weft "
        f"{__version__} from one shop's catalogue, in the layout of ZooClaw-Fashion's release."
    )


def _made(settings: Settings, facts: Mapping) -> list[str]:
    gallery = facts["gallery"]
    several = gallery["answers_of_several"]
    once = f"products that answer several queries number {several:,}" if several else "no product answers two queries"
    told = [
        "Products were held out before training by whole families (duplicates, variants, identical titles of one "
        "brand); those of `zero-shot` queries are of brands of which training sees nothing.",
        f"Drawn in proportion to categories, at least {settings.floor} of each that has as many, and brands in turn "
        f"within each; no brand has more than {settings.brand_share:.0%} of the queries that were wanted of a part and "
        f"type, or an equal share where there are too few brands. The largest share of what could be asked: "
        f"{_brands(facts)}. Where a category runs out of products that can be asked for, others take its share: see "
        f"the table. A product is asked for once, and {once}.",
        "Queries are written from attributes by rule, without a language model. The long one says everything the "
        "catalogue states, in up to 60 words, and nothing to fill them; the short one at most 8 words of it.",
        "Rejected, and another product drawn: near-duplicates (Jaccard .8) of other queries; queries that stand inside "
        "others or hold them; that are a title word for word; all of whose words stand in the title of a product that "
        f"is not an answer; that more than {settings.most} products satisfy.",
        f"Gallery: all held-out products and {gallery['distractors']:,} more by lot, {gallery['products']:,} of the "
        f"catalogue's {gallery['of']:,}. Seed {settings.seed}.",
    ]
    return told


def _brands(facts: Mapping) -> str:
    """The largest share of a brand in each part and type."""
    shares = {name: one["most_of_a_brand"] / max(one["queries"], 1) for name, one in facts["statistics"].items()}
    return ", ".join(f"{share:.0%} ({name})" for name, share in shares.items())


def _right(facts: Mapping) -> list[str]:
    told = [
        "Both queries of a product have the same answers: the short one leaves out only what lets no further product "
        "in.",
        "3: everything that the query states holds, or a duplicate (by picture) or the very title of such a product. "
        "2: a variant of one. 1: exactly one of at least three statements fails. What is not listed is 0. Relevant is "
        "2 and more; `ground_truth` holds those alone.",
    ]
    if not facts["gallery"]["open_to_training"]:
        told.append(
            "No answer, nor what curation took for a duplicate of one, was open to training; grade 1 may have been."
        )
    if judged := facts.get("judged"):
        told.append(
            f"{judged['used']:,} pairs were graded by {text(', '.join(judged['judges']))} ({text(judged['rubric'])}), "
            f"and these grades replace the others: {judged['answers_gained']:,} answers gained, "
            f"{judged['answers_lost']:,} lost, {judged['queries_left_out']:,} queries left without one and taken out, "
            f"{judged['queries_answered_elsewhere']:,} more because what is right for them, or a duplicate of it, was "
            "open to training or belongs to the other part. "
            "`ground_truth` lists what is right for both twins, the qrels what is for each. Of several grades: "
            f"{text(judged['rule'], 400)}."
        )
        told.append(
            f"Holes: {judged['answers_unjudged']:,} pairs of a query and an answer that nobody judged keep their grade "
            f"by attributes; {judged['missing']:,} pairs were asked about and got no grade."
        )
    return told


def _statistics(facts: Mapping) -> str:
    rows = [
        (
            text(name), f"{one['queries']:,} of {one['wanted']:,}", f"{one['categories']:,}", f"{one['brands']:,}",
            f"{one['answers']['mean']:.2f} ({one['answers']['max']})",
            f"{one['answers']['one'] / max(one['queries'], 1):.0%}", _length(one["words"]["short"]),
            _length(one["words"]["long"]), f"{one['words']['long']['from_30_to_60'] / max(one['queries'], 1):.0%}",
        )
        for name, one in facts["statistics"].items()
    ]  # fmt: skip
    head = (
        "part", "queries of those wanted", "categories", "brands", "answers, mean (most)", "with one", "words, short",
        "words, long", "30 to 60",
    )  # fmt: skip
    parts = [table(head, rows), "Why other products were not asked for:", _reasons(facts)]
    parts += ["Shares of the categories, among held-out products and among queries:", _categories(facts["categories"])]
    return "\n\n".join(parts)


def _length(words: Mapping) -> str:
    return f"{words['mean']:.1f} ({words['min']} to {words['max']})"


def _reasons(facts: Mapping) -> str:
    names = list(facts["statistics"])
    every = {why: 0 for one in facts["statistics"].values() for why in one["not_asked"]}
    rows = [
        (text(why), *(f"{facts['statistics'][name]['not_asked'].get(why, 0):,}" for name in names)) for why in every
    ]
    return table(("reason", *map(text, names)), rows) or "none was rejected"


def _categories(rows: Sequence[Mapping]) -> str:
    products, queries = (sum(row[name] for row in rows) for name in ("products", "queries"))
    shown = [(text(row["category"], 60), row["products"], row["queries"]) for row in rows[:SHOWN]]
    if others := rows[SHOWN:]:
        asked = sum(row["queries"] > 0 for row in others)
        name = f"{len(others):,} more, {asked:,} of them asked for"
        shown.append((name, *(sum(row[what] for row in others) for what in ("products", "queries"))))
    cells = [(name, f"{held / products:.1%}", f"{asked / max(queries, 1):.1%}") for name, held, asked in shown]
    return table(("category", "products", "queries"), cells)


def _audit(audit: Mapping, allowed: Sequence[str]) -> str:
    rows = [
        (row["severity"], text(f"{row['benchmark']}, {row['task']}"), text(row["check"]), text(row["sentence"], 400))
        for row in audit["findings"]
        if row["severity"] != "note"
    ]
    notes = sum(row["severity"] == "note" for row in audit["findings"])
    told = [f"By `weft audit`; `audit/audit.html` has every case, and {notes:,} notes besides."]
    told.append(text(audit["verdict"]["sentence"], 600))
    if allowed:
        told.append(f"Errors of these checks were let pass by whoever built it: {text(', '.join(allowed))}.")
    told.append(table(("severity", "task", "check", "finding"), rows, words=4) or "No error and no warning.")
    return "\n\n".join(told)


def _files(parts: Sequence[str]) -> str:
    told = [
        f"{code(file('corpus'))}: corpus_id, image, title, brand, category",
        f"{code(file('queries'))}: query_id, short_query, long_query, query_type, category, brand, source_id, and what "
        "each query states",
        f"{code(file('ground_truth'))}: query_id, corpus_ids",
        f"{code(file('qrels_short'))}, {code(file('qrels_long'))}: query-id, corpus-id, score (0 to 3)",
        "`trec/`: qrels and queries of each twin and part",
        "`audit/`: what was found; `benchmark.json`: every count of this page",
        f"`{SUMS}`: `sha256sum -c {SUMS}` checks them all",
    ]
    if "dev" in parts:
        told.insert(
            4, "`dev/`: the same for development: choose on it, and touch test once. Its corpus is the same file"
        )
    return bullets(told)


def _reading() -> str:
    lines = """
from datasets import load_dataset

queries = load_dataset(".", "queries", split="test")  # or this data set's id on the hub
corpus = load_dataset(".", "corpus", split="test")  # its pictures are decoded when they are looked at
answers = load_dataset(".", "ground_truth", split="test")
"""
    return fenced(lines, "python") + "\n\n" + fenced("weft evaluate MODEL... --on built=.")


def _licence(licence: str) -> str:
    if licence:
        return f"{code(licence)}, as stated by whoever built it. Pictures and titles are the shop's."
    return "Not stated: pictures and titles are the shop's, and nothing may be done with them without its consent."
