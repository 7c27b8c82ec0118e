"""Studies are read with every typo answered at once, and rows that ask for the same training share it."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from weft.errors import WeftError
from weft.study import cost, outlook
from weft.study.plan import load
from weft.study.shared import training_key, weaving_key

RECIPE = 'base = "demo"\n[[sources]]\npath = "demo:studio?products=60&seed=1"\n'
STUDY = """
recipe = "shop.toml"
reference = "both"
trials = [["train.lr=1e-3"], ["train.lr=5e-4"]]
trial_set = ["train.epochs=1"]
seeds = [0, 1]
[[rows]]
name = "base"
model = "base"
[[rows]]
name = "full"
model = "tuned"
set = ["train.lwf_weight=0"]
part = "core"
[[rows]]
name = "wise"
set = ["train.lwf_weight=0.0"]
[[rows]]
name = "both"
label = "the paper"
seeds = [1]
[[rows]]
name = "soup"
soup_of = "full"
set = ["weave.soup_rule=stock"]
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text(RECIPE)

    def made(text=STUDY, changes=()):
        (tmp_path / "study.toml").write_text(text)
        return load("study.toml", changes)

    return made


def test_a_row_is_the_recipe_with_its_changes_in_order(study):
    found = study(changes=["train.batch=32"])
    one = found.recipe_of(found.row("full"), ["train.lr=1e-3"], seed=1)
    assert (one.train.lwf_weight, one.train.lr, one.train.batch, one.seed) == (0.0, 1e-3, 32, 1)
    assert found.recipe_of(found.row("full"), cheap=True).train.epochs == 1
    assert found.recipe_of(found.row("full")).train.epochs == 6 and found.base.name == "base"
    assert found.row("wise").label == "wise" and found.final == "both" and str(found.folder) == "runs/study-study"


def test_a_soup_is_woven_by_its_own_rule_and_has_neither_trials_nor_seeds(study):
    found = study()
    soup = found.row("soup")
    assert found.recipe_of(soup).weave.soup_rule == "stock" and found.recipe_of(soup).train.lwf_weight == 0
    assert found.trials_of(soup) == ((),) and found.seeds_of(soup) == (0,) and found.seeds_of(found.row("both")) == (1,)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('model = "tuned"', 'modle = "tuned"', "did you mean 'model'"),
        ('reference = "both"', 'reference = "bath"', "reference names no row"),
        ('model = "base"', "", "exactly one row"),
        ('name = "wise"', 'name = "full"', "two rows are called 'full'"),
        ('name = "wise"', 'name = "wise"\nlabel = "the paper"', "two rows are labelled"),
        ('name = "wise"', 'name = "wise"\ntrials = [["train.lr=1e-3"]]', "straw man"),
        ('["train.lwf_weight=0.0"]', '["train.lrr=1"]', "did you mean 'lr'"),
        ("seeds = [1]", "seeds = [7]", "must be among"),
        ("seeds = [1]", "alpha = 1.4", "from 0 to 1"),
        ('soup_of = "full"', 'soup_of = "base"', "no trained row"),
        ('soup_of = "full"', 'soup_of = "full"\nmodel = "tuned"', "at an alpha that is chosen"),
        ('name = "wise"', 'name = "wise"\nmodel = "encoder"', "belong together"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "each once"),
        ('recipe = "shop.toml"', 'recipe = "no.toml"', "no recipe"),
        ('recipe = "shop.toml"', 'recipe = "shop.toml"\nset = ["base=new:siglip"]', "nothing to keep"),
        ("seeds = [0, 1]", 'seeds = [0, 1]\ncurves = ["full"]', "no woven row"),
    ],
)
def test_what_does_not_fit_together_is_said(study, old, new, told):
    assert old in STUDY
    with pytest.raises(WeftError, match=told):
        study(STUDY.replace(old, new, 1))


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ('better = "bath"\nthan = ["base"]\non = ["in-domain"]', "names no row"),
        ('better = "both"\nthan = []\non = ["in-domain"]', "compares nothing"),
        ('better = "both"\nthan = ["base"]\non = ["indomain"]', "known are"),
        ('better = "both"\nthan = ["base"]\non = ["in-domain"]\nsays = "worse"', "known are"),
    ],
)
def test_a_claim_must_compare_rows_that_are_there(study, claim, told):
    with pytest.raises(WeftError, match=told):
        study(f'{STUDY}\n[[claims]]\nname = "c"\ntext = "t"\n{claim}\n')


def test_no_training_is_done_twice(study):
    found = study()
    every = cost.jobs(found, found.rows, found.seeds, {})
    once = cost.distinct(every)
    # full and wise train the same: 2 trials and 2 seeds; both 2 trials and 1 seed; the soup is made of full's
    assert len(every) == 11 and len(once) == 7
    assert [one.cheap for one in once] == [True, True, False, False, True, True, False]
    settled = cost.distinct(cost.jobs(found, found.rows, found.seeds, {"wise": ["train.lr=5e-4"]}))
    assert len(settled) == 9, "another choice of wise's is another two trainings"


def test_where_trials_are_not_cheaper_the_first_seed_is_one_of_them(study):
    found = study(STUDY.replace('trial_set = ["train.epochs=1"]', ""))
    assert len(cost.distinct(cost.jobs(found, [found.row("full")], found.seeds, {}))) == 3  # not 4


def test_a_guess_counts_the_texts_that_a_step_learns_from(study, tmp_path, monkeypatch):
    found = study()
    monkeypatch.setattr(cost, "_matrix_flops", lambda: 1e12)

    def guessed(**changes) -> float:
        recipe = found.recipe_of(found.row("full"))
        recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, **changes))
        return cost.Meter(found, SimpleNamespace(recipe=recipe, folder=tmp_path))._guessed()

    assert guessed(short_weight=0.0) < guessed() < guessed(checkpointing=True)


def test_keys_are_of_what_is_read(study):
    found = study()
    full, wise = (found.recipe_of(found.row(name)) for name in ("full", "wise"))
    assert training_key(full) == training_key(wise), "0 and 0.0 are one number"
    towers = found.recipe_of(found.row("full"), ["weave.towers=true"])
    assert training_key(towers) == training_key(full) and weaving_key(towers) != weaving_key(full)
    for change in ("train.lr=1", "sources.0.share=0.5", "pairs.keep=0.1", "curate.dev_share=0.2", "seed=3"):
        assert training_key(found.recipe_of(found.row("full"), [change])) != training_key(full), change
    for change in ("name=x", "out=x", "micro_batch=3", "weave.grid=3"):
        assert training_key(found.recipe_of(found.row("full"), [change])) == training_key(full), change
    margin = found.recipe_of(found.row("full"), ["weave.rule=margin"])
    rivals = [
        found.recipe_of(found.row("full"), ["baselines=['demo']", f"weave.rule={rule}"]) for rule in ("delta", "margin")
    ]
    assert weaving_key(rivals[0]) == weaving_key(full) and weaving_key(rivals[1]) != weaving_key(margin)


def test_a_reference_enters_the_key_where_it_is_trained_on(study):
    """Then benchmarks do, too: what they ask for is left out of it."""
    found = study()

    def key(*changes: str) -> str:
        return training_key(found.recipe_of(found.row("full"), list(changes)))

    general = "reference=[{path = 'demo:street'}]"
    benchmark = "benchmarks=[{name = 'b', collection = 'x'}]"
    assert key() == key(general) == key(benchmark)
    own = [general, "train.reference=own"]
    assert len({key(), key(*own), key(*own, "reference.0.limit=9"), key(*own, benchmark)}) == 4


def test_rows_are_asked_for_by_name_or_part(study):
    found = study()
    assert [row.name for row in outlook.check_rows(["core"], found)] == ["base", "full"]
    assert [row.name for row in outlook.check_rows(["soup"], found)] == ["base", "full", "soup"], "and its members"
    assert len(outlook.check_rows([], found)) == 5 and outlook.check_seeds([1], found) == (1,)
    with pytest.raises(WeftError, match=r"no row is called 'wize'.*parts are core"):
        outlook.check_rows(["wize"], found)
    with pytest.raises(WeftError, match="seed 4"):
        outlook.check_seeds([4], found)


def test_what_is_shipped_can_be_read(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    for name, rows in (("demo", 6), ("kagl", 20)):
        found = load(f"studies/{name}.toml")
        assert len(found.rows) >= rows and found.reference == "both" and len(found.seeds) == 3
        assert {name for claim in found.claims for name in (claim.better, *claim.than)} <= {r.name for r in found.rows}


def test_durations():
    assert [outlook.duration(s) for s in (4, 95, 3600, 7500)] == ["4 s", "2 min", "1 h 00 min", "2 h 05 min"]


def test_the_documents_study_can_be_read(monkeypatch, tmp_path):
    root = Path(__file__).parents[2]
    (block,) = re.findall(r"^```text\n(.*?)^```$", (root / "docs" / "study.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "study.toml").write_text(block)
    monkeypatch.chdir(root)
    found = load(tmp_path / "study.toml")
    assert found.final == "towers" and found.row("towers").model == "woven" and len(found.claims) == 1
