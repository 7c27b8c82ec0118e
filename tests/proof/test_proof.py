"""The proof in small: closed forms of its parts, one benchmark from end to end, and a run that was killed."""

import copy
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from weft import proof
from weft.audit.preference import exact_test
from weft.catalogue.images import decode
from weft.demo import faults
from weft.proof import experiment, judges, simulate
from weft.proof.systems import Probe, pictures_of
from weft.report import proof as page

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("proof_tool", ROOT / "tools" / "proof.py")
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)
SMALL = proof.Settings(products=150, queries=24, seed=1, trials=2)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return proof.Bench(SMALL, tmp_path_factory.mktemp("proof"))


@pytest.fixture(scope="module")
def asked(bench):
    planted = faults.captions(bench.sound)
    return experiment.ask(planted, bench.eyes, bench.shelves[1], "captions", bench.cache)


def test_only_gaps_that_queries_can_tell_are_asked_of_an_order():
    random = np.random.default_rng(0)
    base = random.normal(size=400)
    near, far = base + random.normal(0, 0.5, 400), base - 0.3 + random.normal(0, 0.5, 400)
    pairs = experiment.tellable(np.stack([far, base, near]))
    assert sorted(pairs) == [(1, 0), (2, 0)]
    assert experiment.tau(pairs, np.asarray([0.1, 0.3, 0.2])) == 1.0
    assert experiment.tau(pairs, np.asarray([0.25, 0.3, 0.2])) == 0.0  # one right, one wrong
    assert experiment.tau(pairs, np.asarray([0.3, 0.3, 0.2])) == -0.5  # a tie is neither
    assert experiment.tau([], np.zeros(3)) is None


def test_the_truth_is_without_error_and_captions_are_not(asked):
    whole = np.arange(len(asked.planted))
    truth = experiment.compared(asked, asked.truth, whole)[experiment.PRIMARY]
    assert [truth["error"], truth["error_all"]] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert truth["tau"] == 1.0 and not truth["wrong"]
    given = experiment.compared(asked, asked.task.relevant, whole)[experiment.PRIMARY]
    assert given["error"] > 3.0


def test_a_pool_judged_by_the_truth_gives_back_what_is_true_of_it(asked):
    part = experiment.pool(asked)
    answers = experiment.judged(part, judges.truthful(asked.planted))
    for (items, fits), truth in zip(answers, asked.planted.truth, strict=True):
        assert (np.diff(items) > 0).all()
        assert items[fits > 0].tolist() == np.intersect1d(items, truth).tolist()
    error = experiment.compared(asked, answers, np.arange(len(asked.planted)))
    assert error["mrr@10"]["error"] == pytest.approx(0.0, abs=1e-9)  # all first ten are judged
    said = experiment.as_judged(part, answers)
    systems = np.concatenate([ranking[:, : experiment.DEPTH] for ranking in asked.rankings.values()], axis=1)
    for row, (own, source) in enumerate(zip(said.pooled, asked.planted.source, strict=True)):
        assert own.tolist() == sorted(set(systems[row].tolist()))  # no random draw, and no answer that nobody found
        assert source in part.document[part.query == row]  # judged in any case, but not always by the pool's rule


def test_judges_err_as_they_are_told(asked):
    part = experiment.pool(asked)
    truth = np.concatenate([fits for _, fits in experiment.judged(part, judges.truthful(asked.planted))]) > 0
    rule = judges.restating(asked.planted)
    noisy = experiment.judged(part, judges.Blurred(rule, judges.RUBRIC.top, 0.3, seed=2))
    wrong = np.concatenate([fits for _, fits in noisy]) > 0
    # A wrong grade is one of the three others: of 0 and 1 two of three are relevant, of 3 two of three are not.
    assert np.mean(wrong != truth) == pytest.approx(0.2, abs=0.03)
    half = judges.restating(asked.planted, judges.HALF)
    kinder = np.concatenate([fits for _, fits in experiment.judged(part, judges.Blurred(half, 3))]) > 0
    assert (kinder >= truth).all() and kinder.sum() > truth.sum()


def test_pixels_are_all_that_a_probe_sees(bench):
    """Its answer is the same for a picture of another product, and better than chance on products it never saw."""
    shelf, school, _ = bench.shelves
    planted, probe = bench.sound, Probe("p", bench.eyes, school, ("outline", "palette"))
    rule = judges.pixels(planted, probe)
    kinds = [rule.believed[name]["kind"] == one.kind for name, one in zip(shelf.ids, shelf.garments, strict=True)]
    assert np.mean(kinds) > 0.3


def test_what_leaks_is_found_again_by_heart(bench):
    shelf, school, _ = bench.shelves
    plain = Probe("probe", bench.eyes, school, ("palette",))
    leaky = Probe("probe", bench.eyes, school, ("palette",), trained=(("odd words", shelf.pictures[7]),))
    assert plain.fingerprint() != leaky.fingerprint()
    images = [decode(data) for data in shelf.pictures[:20]]
    scores = leaky.embed_images(images) @ leaky.embed_texts(["odd words", "other words"]).T
    assert scores[:, 0].argmax() == 7 and not np.allclose(scores[7, 0], 0)
    np.testing.assert_allclose(scores[:, 1], 0)


def test_the_score_model_has_the_preference_that_its_closed_form_says():
    model = simulate.Model(queries=4000, told=0.5, weights=(0.0, 1.0, 3.0))
    found, scores = model.draw(np.random.default_rng(0))
    seen, _, spread = exact_test(scores, found, draws=9)
    assert np.abs(seen.mean(axis=0) - model.expected()).max() < 4 * spread.max()
    assert model.power()[0] == pytest.approx(simulate.LEVEL)


def test_wilson_covers_what_it_should():
    told = simulate.rate(np.asarray([True] + [False] * 19))
    assert told["rate"] == 0.05 and told["low"] == pytest.approx(0.00888, abs=1e-4)  # scipy 1.11: 0.00888, 0.23613
    assert told["high"] == pytest.approx(0.23613, abs=1e-4)


def test_a_killed_run_goes_on_and_a_finished_one_is_kept(bench, tmp_path, monkeypatch):
    asked_for, real = [], proof.benchmark
    wanted = {name: proof.BENCHMARKS[name] for name in ("missing positives", "leak")}
    known = {name: getattr(bench, name) for name in ("shelves", "eyes", "sound")}
    monkeypatch.setattr(proof, "BENCHMARKS", wanted)
    monkeypatch.setattr(proof, "JUDGED", ())
    monkeypatch.setattr(proof.simulate, "synthetic", lambda trials, seed: {"false alarms": {}, "power": []})
    monkeypatch.setattr(proof, "on_pictures", lambda bench: [])

    def killed(bench, name):
        asked_for.append(name)
        if asked_for == ["missing positives", "leak"]:
            raise KeyboardInterrupt
        bench.__dict__.update(known)  # drawn once for all tests
        return real(bench, name)

    monkeypatch.setattr(proof, "benchmark", killed)
    with pytest.raises(KeyboardInterrupt):
        proof.run(tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()
    record = proof.run(tmp_path / "out", SMALL)
    assert asked_for == ["missing positives", "leak", "leak"]
    assert proof.run(tmp_path / "out", SMALL) == record and len(asked_for) == 3
    missing, leak = record["benchmarks"]
    assert missing["wanted"] == missing["found"] == ["missing answers"] and leak["found"] == ["training leak"]
    assert missing["after"]["ndcg@10"]["error"] < missing["before"]["ndcg@10"]["error"]
    assert leak["before"]["ndcg@10"]["error"] > 1.0  # every answer is right, and one system knows them by heart
    assert leak["after"]["queries"] < SMALL.queries
    told = page.benchmarks(record)
    assert "| missing positives | missing answers" in told and told.count("\n") == 3


def test_pictures_are_those_of_the_shelf(bench):
    pictures = pictures_of(bench.shelves[0])
    assert pictures.image_count == SMALL.products and pictures.image(3) == bench.shelves[0].pictures[3]


def test_what_is_kept_says_what_the_page_says():
    kept = json.loads((ROOT / "expected" / "proof.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "source-bias.md").read_text(encoding="utf-8")
    for name, table in page.TABLES.items():
        assert f"<!-- {name} -->\n{table(kept)}\n<!-- end -->" in text
    rows = {row["benchmark"]: row for row in kept["benchmarks"]}
    assert list(rows) == list(proof.BENCHMARKS) and kept["settings"] == proof.Settings().__dict__
    for row in rows.values():  # the claim itself
        assert row["found"] == row["wanted"] and row["after"][kept["metric"]]["tau"] == 1.0
    assert not rows["sound"]["also"]
    assert all(rows[name]["before"][kept["metric"]]["tau"] < 1 for name in ("caption source", "leak", "all together"))
    assert tool.check(kept, kept) == []
    other = copy.deepcopy(kept)
    other["benchmarks"][1]["found"], other["benchmarks"][2]["after"][kept["metric"]]["error"] = [], 9.0
    other["benchmarks"][0]["also"] = ["training leak"]  # a false alarm
    other["false alarms"]["fair"]["rate"], other["judges"][0]["precision"] = 0.9, 0.0
    other["judges"][1]["bias"] = not other["judges"][1]["bias"]
    assert len(tool.check(other, kept)) == 6
