"""A benchmark of a catalogue's own: chosen, asked, written, audited and described, whole or not at all."""

import dataclasses
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from weft.artefact import MANIFEST, Stage, file_key, key_of
from weft.build import judged as judgements
from weft.build import write
from weft.build.card import card
from weft.build.facts import statistics
from weft.build.prove import known, prove, refuse
from weft.build.select import PARTS, Settings, choose
from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.files import read_json, write_json, write_whole
from weft.judging.ensemble import file_of
from weft.recipe import Pairs

__all__ = ["FACTS", "Settings", "build"]

FACTS = "benchmark.json"
SCHEMA = "weft-benchmark/1"


def build(
    curated: Path, out: Path, settings: Settings | None = None, name: str = "", licence: str = "",
    judged: Sequence[Path] = (), allow: Sequence[str] = (), pairs: Pairs | None = None,
) -> dict:  # fmt: skip
    """Builds a benchmark from a finished `curate` folder into the folder `out`.

    Args:
        judged: judgements of a pool of an earlier build with the same settings; they override grades by attributes.
        allow: checks of the audit whose errors do not stop it, and stand on the card instead.
        pairs: how queries are worded; as the catalogue's own by default.

    Returns:
        What `benchmark.json` holds; see docs/building.md.

    Raises:
        WeftError: the folder is no collection, `out` is something else, nothing can be asked, or the audit finds an
            error. Then `out.partial` keeps what there is, for looking at.
    """
    settings, name = settings or Settings(), name or out.name
    if not re.fullmatch(r"\w[\w .-]*", name):
        raise WeftError(
            f"{name!r} is no name for a benchmark: letters, digits, blanks, dots and dashes; say one by --name"
        )
    known(allow)
    if out.is_file():
        raise WeftError(f"{out} is a file: name a folder by --out")
    if strange := _strange(out):
        raise WeftError(f"{out} holds {strange}, which is no part of a benchmark: move it, or name another --out")
    collection = Collection(curated)
    pairs = pairs or wording(curated)
    stage = Stage(
        out,
        dataclasses.asdict(settings) | {"name": name, "licence": licence, "allow": sorted(allow)}
        | {"pairs": dataclasses.asdict(pairs)},
        {"products": file_key(curated / "products.parquet"), "pictures": collection.identity}
        | ({"judgements": key_of([file_key(file_of(path)) for path in judged])} if judged else {}),
    )  # fmt: skip

    def work(folder: Path) -> None:
        chosen, facts = choose(collection, pairs, settings), {}
        if judged:
            chosen, facts["judged"] = judgements.apply(chosen, collection, judgements.read(judged), settings.unseen)
        parts = [part for part in PARTS if chosen.of(part)]
        write.write(collection, chosen, parts, folder)
        told = statistics(collection, chosen, parts)
        facts |= {
            "schema": SCHEMA, "name": name, "licence": licence, "settings": dataclasses.asdict(settings),
            "parts": parts, "gallery": told["gallery"], "statistics": told["parts"], "categories": told["categories"],
            "allowed": sorted(allow),
        }  # fmt: skip
        audit = prove(folder, parts, name, licence, folder / "cache")
        refuse(audit, allow, folder)
        shutil.rmtree(folder / "cache", ignore_errors=True)
        facts["audit"] = audit["verdict"]
        write_json(folder / FACTS, facts)
        write_whole(folder / "README.md", card(name, settings, facts, audit, licence))
        write_whole(folder / write.SUMS, write.checksums(folder))

    stage.run(work)
    return read_json(out / FACTS)


def wording(curated: Path) -> Pairs:
    """How the catalogue's own queries are worded, from its manifest; the defaults where there is none."""
    path = curated / MANIFEST
    told = read_json(path).get("settings", {}).get("pairs", {}) if path.exists() else {}
    fields = {field.name for field in dataclasses.fields(Pairs)} & told.keys()
    values = {field: tuple(told[field]) if isinstance(told[field], list) else told[field] for field in fields}
    return Pairs(**values)


def render(facts: dict) -> str:
    """A benchmark in a few lines for a terminal."""
    lines = []
    for name, one in facts["statistics"].items():
        lines.append(
            f"{name:<18}{one['queries']:>6,} of {one['wanted']:,} queries  {one['categories']:>4} categories "
            f"{one['brands']:>5} brands  {one['answers']['mean']:.2f} answers each"
        )
    gallery = facts["gallery"]
    lines.append(
        f"gallery           {gallery['products']:>6,} products, {gallery['distractors']:,} of them distractors"
    )
    if judged := facts.get("judged"):
        lines.append(
            f"judged            {judged['used']:>6,} pairs; taken out: {judged['queries_left_out']:,} queries without "
            f"an answer, {judged['queries_answered_elsewhere']:,} with one that training or the other part may see"
        )
    lines += ["", facts["audit"]["sentence"]]
    return "\n".join(lines)


def _strange(out: Path) -> str:
    """A file of the folder that no build wrote: it would go when a new benchmark takes the old one's place."""
    sums = out / write.SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    ours = {write.SUMS, MANIFEST, *(line.partition("  ")[2] for line in lines)}
    there = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return next((name for name in there if name not in ours), "")
