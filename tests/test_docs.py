"""What the documents say can be typed: their TOML loads, their Python runs, their commands and files exist."""

import importlib
import inspect
import re
import shutil
import sys
import tomllib
import types
from pathlib import Path

import pytest
import torch
import typer
from PIL import Image

import command
import test_metrics
import tiny
import tiny_catalogue
from shelves import shelf
from weft import benchmarks, fidelity, metrics
from weft.catalogue import sources
from weft.cli import app
from weft.encoders import FAMILIES, LOADERS, known
from weft.encoders.published import published
from weft.plan import CARDS, plan
from weft.recipe import load

ROOT = Path(__file__).parents[1]
DOCS = {
    path.relative_to(ROOT / "docs").as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs").rglob("*.md"))
}
"""Path below docs/ -> text: "recipe.md", "guide/train.md"."""
PAGES = DOCS | {"README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
RECIPES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "recipes").glob("*.toml")}
SIGLIP2 = ROOT / "recipes" / "siglip2_base.toml"
MODULE = re.compile(r"# (?:src/)?([\w/]+)\.py\n")
CLI = typer.main.get_command(app)


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for kind, block in found if kind == language]


def commands(text: str) -> list[str]:
    """What is meant to be typed: lines of blocks without a language, and code within a sentence."""
    lines = [line.partition("#")[0] for block in blocks(text, "") for line in block.splitlines()]
    return [*lines, *re.findall(r"`([^`\n]+)`", text)]


@pytest.mark.parametrize("name", DOCS)
def test_toml_loads(name, tmp_path):
    for number, text in enumerate(blocks(DOCS[name], "toml")):
        said = tomllib.loads(text)
        if "baseline" in said:
            (tmp_path / "baselines.toml").write_text(text, encoding="utf-8")
            assert fidelity.read(tmp_path / "baselines.toml")
            continue
        whole = ("" if "base" in said else 'base = "demo"\n') + text
        whole += "" if "sources" in said else '\n[[sources]]\npath = "products.parquet"\n'
        path = tmp_path / f"{number}.toml"
        path.write_text(whole, encoding="utf-8")
        assert load(path).sources


def run(text: str, name: str, monkeypatch) -> dict:
    """Executes a page's Python in order, in one namespace; a block that begins with a module's name becomes it."""
    names: dict = {}
    for number, block in enumerate(blocks(text, "python")):
        code = compile(block, f"{name}, block {number + 1}", "exec")
        if found := MODULE.match(block):
            module = types.ModuleType(found[1].replace("/", "."))
            exec(code, module.__dict__)
            monkeypatch.setitem(sys.modules, module.__name__, module)
        else:
            exec(code, names)
    return names


def test_the_recipe_page_runs(tmp_path, monkeypatch):
    run_folder = tmp_path / "runs" / "my_shop"
    tiny.encoder().save(run_folder / "weave" / "model")
    tiny_catalogue.collection(run_folder / "curate")
    tiny.pictures(1)[0].save(tmp_path / "dress.jpg")
    monkeypatch.chdir(tmp_path)
    said = run(DOCS["recipe.md"], "recipe.md", monkeypatch)
    encoder = tiny.encoder()
    with torch.inference_mode():
        picture = encoder.image_features(encoder.pixels([Image.open("dress.jpg")]))
        texts = encoder.text_features(encoder.tokens(["red wool dress", "navy coat"]))
    assert (said["image"] - picture).abs().max() < 1e-6 and (said["text"] - texts).abs().max() < 1e-6
    assert said["rows"].shape == (1, 10)
    assert (run_folder / "cache").exists()


def test_adding_things_runs(tmp_path, monkeypatch):
    registries = [sources.READERS, FAMILIES, LOADERS, benchmarks.BENCHMARKS, metrics.METRICS, test_metrics.ORACLES]
    before = [dict(registry) for registry in registries]
    monkeypatch.chdir(tmp_path)
    try:
        run(DOCS["adding-things.md"], "adding-things.md", monkeypatch)
        assert [len(registry) for registry in registries] == [len(old) + 1 for old in before]
    finally:
        for registry, old in zip(registries, before, strict=True):
            registry.clear()
            registry.update(old)


def test_the_evaluation_page_runs(tmp_path, monkeypatch, capsys):
    run_folder = tmp_path / "runs" / "my_shop"
    tiny.encoder().save(run_folder / "weave" / "model")
    queries = [(f"q{n}", "in-domain/short", "test", f"title {n} in red", n, {n: 3}) for n in range(8)]
    shelf(run_folder / "curate", "e" * 12, queries=queries)
    monkeypatch.chdir(tmp_path)
    said = run(DOCS["evaluation.md"], "evaluation.md", monkeypatch)
    assert {model["name"] for model in said["board"]["models"]} == {"ours", "colours", "bm25", "bm25+ours"}
    assert said["rows"].num_rows == 8 * 4
    assert said["board"]["verdict"]["sentence"] in capsys.readouterr().out
    told = {name.strip("`/") for name in re.findall(r"`[\w.]+/?`", section("evaluation.md", "What is written"))}
    assert {path.name for path in (tmp_path / "runs" / "leaderboard").iterdir()} <= told


def section(page: str, heading: str) -> str:
    return DOCS[page].split(f"\n## {heading}\n")[1].partition("\n## ")[0]


def options_of(name: str) -> set[str]:
    read = importlib.import_module(f"weft.benchmarks.{benchmarks.BENCHMARKS[name].module}").read
    return set(inspect.signature(read).parameters) - {"place", "known", "cache", "limit"}


def test_every_benchmark_and_all_its_options_are_on_the_page():
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", section("evaluation.md", "Benchmarks"), re.MULTILINE)
    names = [(re.findall(r"`([\w-]+)`", first), set(re.findall(r"`(\w+)`", told))) for first, told in rows]
    assert [name for found, _ in names for name in found] == list(benchmarks.BENCHMARKS)
    for found, options in names:
        assert all(options == options_of(name) for name in found), found


@pytest.mark.parametrize("name", PAGES)
def test_every_evaluation_names_models_and_benchmarks_that_exist(name):
    for line in commands(PAGES[name].replace("\\\n", " ")):
        if not line.startswith("weft evaluate ") or "--on" not in line or "..." in line:
            continue
        models, *specs = [part.split() for part in line.removeprefix("weft evaluate ").split("--on")]
        for spec in [words[0].strip('"') for words in specs]:
            benchmark, _, options = spec.partition("?")
            benchmark = benchmark.partition("=")[0]
            assert {pair.partition("=")[0] for pair in options.split("&") if pair} <= options_of(benchmark), line
        places = [model.rpartition("=")[2] for model in models]
        assert all(known(place) or place == "demo" or "/" in place for place in places), line


def test_the_evaluation_page_counts_the_published_scores():
    published = fidelity.read(ROOT / fidelity.FILE)
    told = re.search(r"`expected/baselines.toml` \((\d+) scores of (\d+) models\)", DOCS["evaluation.md"])
    assert told and list(map(int, told.groups())) == [len(published), len({one.model for one in published})]
    assert {one.tolerance for one in published} == {0.005} and "the tolerance, 0.5 points" in DOCS["evaluation.md"]


def test_the_report_schema_s_python_is_valid():
    for block in blocks(DOCS["report-schema.md"], "python"):
        compile(block, "report-schema.md", "exec")


@pytest.mark.parametrize("name", [*PAGES, *RECIPES])
def test_every_verb_and_option_exists(name):
    text = PAGES.get(name) or RECIPES[name]
    told = commands(text) if name in PAGES else [line.lstrip("# ") for line in text.splitlines() if line[:1] == "#"]
    for line in told:
        for verb, rest in re.findall(r"(?:^|\s)weft +([\w-]+)([^|&]*)", line):
            if verb in ("-h", "--help") or (name in RECIPES and not line.startswith("weft ")):
                continue
            assert verb in CLI.commands, f"{name}: {line}"
            options = {o for parameter in CLI.commands[verb].params for o in parameter.opts} | {"--help"}
            assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", rest)) <= options, f"{name}: {line}"


@pytest.mark.parametrize("name", PAGES)
def test_every_override_benchmark_and_target_exists(name):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in commands(PAGES[name]):
        overrides = re.findall(r"--set (\S+=\S+)", line)
        if overrides and "data=PATH" not in overrides:
            load(SIGLIP2, overrides)
        for script, rest in re.findall(r"python (bench/\w+\.py)(.*)", line):
            assert all(option in (ROOT / script).read_text() for option in re.findall(r"--[\w-]+", rest)), line
        for target in re.findall(r"^make (\w+)", line):
            assert target in targets, line


@pytest.mark.parametrize("name", PAGES)
def test_every_file_named_exists(name):
    links = [link for link in re.findall(r"\]\(([^)#:]+)\)", PAGES[name]) if not link.endswith(".png")]
    folder = ROOT if name == "README.md" else (ROOT / "docs" / name).parent
    assert [link for link in links if not (folder / link).exists()] == []
    files = re.findall(r"`((?:recipes|bench|docs|expected|tools|src|tests)/[\w/.-]+)`", PAGES[name])
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_real_recipe():
    recipe = load(SIGLIP2)
    train = recipe.train
    assert recipe.base == "google/siglip2-base-patch16-384"
    assert (train.batch, train.precision, train.lwf_weight, train.lwf_target) == (4096, "bf16", 1.0, "cached")
    assert 0.8e-5 <= train.lr <= 2e-5
    assert {benchmark.task for benchmark in recipe.benchmarks} == {"title", "class"}
    # Every micro-batch that a comment promises fits its card, without network; and all take what a finer one gives.
    promised = re.search(r"24 GB (\d+), 80 GB (\d+), 141 GB (\d+)", RECIPES[SIGLIP2.name])
    sizes = [int(size) for size in promised.groups()]
    assert sizes[0] == train.micro_batch
    fits = plan(published(recipe.base), 200_000, train).fits
    for card, size, fit in zip(CARDS, sizes, fits, strict=True):
        assert 0.7 * fit.plain < size <= fit.plain, card.name


def test_the_real_recipe_is_planned_without_a_network(tmp_path):
    shutil.copy(SIGLIP2, tmp_path / "my_shop.toml")
    done = command.weft("plan", "my_shop.toml", folder=tmp_path)
    assert done.code == 0, done.err
    assert "375.5 M parameters" in done.out and "24 GB, RTX 4090   yes" in done.out
    assert "after `weft curate` they are counted" in done.out
    curated = tmp_path / "runs" / "my_shop" / "curate"
    curated.mkdir(parents=True)
    (curated / "summary.json").write_text('{"counts": {"splits": {"train": 31234}}}')
    assert "31,234 products x 3 epochs" in command.weft("plan", "my_shop.toml", folder=tmp_path).out
