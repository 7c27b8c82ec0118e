"""A small curated shop, and a scripted language model that writes for it, well or as badly as it is told."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq

from scripted import Server, words
from weft.curation.write import Options, write
from weft.endpoint import Asked, Endpoint
from weft.pipeline import Pipeline
from weft.recipe import load

RECIPE = """
name = "shop"
base = "new:siglip"
out = "{out}"
[[sources]]
path = "demo:studio?products={products}&seed=3&words=house&size=24"
[curate]
zero_shot_share = 0.0
dev_share = 0.15
test_share = 0.15
near_duplicates = false
"""
FILLER = "is made with care and it is the one that you will wear for years to come in every season of the year at home"


def shop(folder: Path, products: int = 28) -> Path:
    """A run's folder in which `weft curate` was done."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.toml").write_text(RECIPE.format(out=folder / "run", products=products))
    Pipeline(load(folder / "shop.toml")).curate()
    return folder / "run"


def shown(body: dict) -> dict:
    """The data of a request."""
    line = re.search(r"^<data [0-9a-f]{16}>\n(.*)\n</data", words(body), flags=re.MULTILINE)[1]
    return json.loads(line)


def kind(body: dict) -> str:
    told = body["messages"][0]["content"]
    return "twin" if "rewrite" in told else "long" if "running text" in told else "short"


def values(body: dict) -> list[str]:
    return [value for values in shown(body)["attributes"].values() for value in values]


def good(body: dict, time: int = 1) -> str:
    """A sound text: the values in reverse; long ones in a sentence."""
    said = values(body)[::-1]
    text = " ".join(said)
    if kind(body) == "long":
        text = f"This {text} " + FILLER + " or on the way to work, and nobody will ask you why."
    return json.dumps({"text": text})


def answer(text: str) -> str:
    return json.dumps({"text": text})


def written(
    run: Path, out: Path, server: Server | None, options: Options | None = None, **more
) -> tuple[dict, list[dict]]:
    where = Endpoint(server.url, "toy", "sk-secret", first_wait=0.01, tries=2) if server else None
    found = write(run, out, Asked(where, **more), options or Options())
    path = out / "written.parquet"
    return found, pq.read_table(path).to_pylist() if path.exists() else []
