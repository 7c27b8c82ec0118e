"""The proof on a world with known truth: faults planted one by one and together, found, repaired, and what is left.

Everything is drawn: products, pictures, benchmarks, and the faults in them (`weft.demo.faults`). Five real encoders are
scored by each benchmark's own answers, by the truth, and by what a judge says of a pool of their results. A killed run
goes on from the last benchmark it finished.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import weft
from weft.artefact import Stage, file_key, key_of, versions
from weft.audit import Subject, audit, source_bias
from weft.audit.judged import Judged
from weft.demo import faults
from weft.demo.faults import FAULTS, Planted, Shelf
from weft.embed import Embedder
from weft.files import read_json, write_json
from weft.judging.evaluated import Evaluated
from weft.judging.rejudge import rejudge
from weft.judging.union import Part
from weft.progress import say
from weft.proof import simulate
from weft.proof.experiment import PRIMARY, Answers, Asked, as_judged, ask, compared, judged, pool, trained_pairs
from weft.proof.judges import RUBRIC, panel, truthful
from weft.proof.systems import Eyes, five, pictures_of
from weft.seen import NO_LOOKS, Seen, first64

SCHEMA = "weft-proof/1"
BENCHMARKS: dict[str, Callable[..., Planted]] = {
    "sound": lambda planted, seed: planted, **FAULTS, "all together": faults.together,
}  # fmt: skip
"""Name -> what is done to a sound benchmark."""
FINDS = {
    "caption source": "source bias",
    "missing positives": "missing answers",
    "duplicate images": "near-duplicate pictures",
    "generic queries": "generic queries",
    "leak": "training leak",
}
"""Fault -> the check that must call it a warning or an error, and must not on the sound benchmark."""
JUDGED = ("sound", "caption source", "all together")
"""Benchmarks that every judge is tried on."""
TRUTH = "attributes (the truth)"


@dataclass(frozen=True)
class Settings:
    """products: on the shelf, and in each of the two schools; queries: of each benchmark; seed: of everything;
    trials: benchmarks drawn for each rate of false alarms."""

    products: int = 1500
    queries: int = 400
    seed: int = 1
    trials: int = 1000


@dataclass(frozen=True)
class Bench:
    """What all benchmarks share: the drawn products, and what reads them."""

    settings: Settings
    folder: Path

    @cached_property
    def shelves(self) -> tuple[Shelf, Shelf, Shelf]:
        """The shelf, the systems' school, and the school of a judge of its own; different products of one shop."""
        count, seed = self.settings.products, 40 + 10 * self.settings.seed
        say(f"  drawing {3 * count:,} products")
        return tuple(faults.stock(count, seed + place) for place in range(3))

    @cached_property
    def eyes(self) -> Eyes:
        return Eyes()

    @cached_property
    def sound(self) -> Planted:
        return faults.sound(self.shelves[0], self.settings.queries, self.settings.seed)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"


def run(out: Path, settings: Settings | None = None) -> dict:
    """The whole proof into the folder `out`; returns its record, which `docs/source-bias.md` describes."""
    settings = settings or Settings()
    code = key_of([file_key(path) for path in sorted(Path(weft.__file__).parent.rglob("*.py"))])
    stage = Stage(out, settings.__dict__, {"schema": SCHEMA, "code": code})  # what it proves is the code as it is

    def work(folder: Path) -> None:
        bench = Bench(settings, folder)
        rows = [_kept(folder, name, lambda name=name: benchmark(bench, name)) for name in BENCHMARKS]
        false = _kept(folder, "simulated", lambda: simulate.synthetic(settings.trials, settings.seed))
        drawn = _kept(folder, "drawn", lambda: {"rows": on_pictures(bench)})
        judges = [row for one in rows for row in one.pop("judges")]
        record = {"schema": SCHEMA, "settings": settings.__dict__, "metric": PRIMARY, "benchmarks": rows}
        record["judges"] = judges
        write_json(folder / "proof.json", record | false | {"drawn": drawn["rows"], "environment": versions()})

    stage.run(work)
    return read_json(out / "proof.json")


def benchmark(bench: Bench, name: str) -> dict:
    """One benchmark: planted, asked, audited, judged, scored again."""
    say(f"  {name}")
    _, school, own = bench.shelves
    planted = BENCHMARKS[name](bench.sound, seed=bench.settings.seed)
    asked = ask(planted, bench.eyes, school, name, bench.cache)
    part = pool(asked)
    truth = judged(part, truthful(planted))
    others = panel(planted, bench.eyes, school, own) if name in JUDGED else {}
    answers = {TRUTH: truth} | {judge: judged(part, rule) for judge, rule in others.items()}
    keep, subject = np.flatnonzero(~planted.trained), subject_of(bench, asked)
    found = audited(subject, as_judged(part, truth))
    wanted = [check for fault, check in FINDS.items() if fault in planted.faults]
    return {
        "benchmark": name, "planted": planted.faults, "items": len(planted.shelf), "systems": asked.systems,
        "answers": float(np.mean([len(rows) for rows in planted.truth])), "pairs": len(part.query),
        "findings": found, "wanted": wanted, "found": [check for check in wanted if _grave(found, check)],
        "also": [check for check in FINDS.values() if check not in wanted and _grave(found, check)],
        "before": compared(asked, asked.task.relevant, np.arange(len(planted))),
        "after": compared(asked, truth, keep),
        "rejudged": rejudged(asked, truth, keep),
        "judges": [
            {"judge": judge, "benchmark": name} | _agreement(truth, said) | compared(asked, said, keep)
            | _bias(subject, part, said, 1 - _agreement(truth, said)["precision"])
            for judge, said in answers.items()
            if name in JUDGED
        ],
    }  # fmt: skip


def _grave(found: dict[str, dict], check: str) -> bool:
    return found.get(check, {"severity": "note"})["severity"] != "note"


def subject_of(bench: Bench, asked: Asked) -> Subject:
    """The benchmark as the audit sees it, with the systems and what the leaking one says it was trained on."""
    seen, hashes = {}, asked.task.corpus.pictures.image_hashes
    if asked.planted.trained.any():
        known = {data for _, data in trained_pairs(asked.planted)}
        rows = [row for row, data in enumerate(asked.planted.shelf.pictures) if data in known]
        ids = frozenset(asked.task.corpus.ids[row] for row in rows)
        seen["probe"] = Seen(ids, np.unique(np.asarray([first64(hashes[row]) for row in rows], np.uint64)), NO_LOOKS)
    return Subject(asked.task, asked.embedders, seen, cache=bench.cache)


def audited(subject: Subject, said: Judged) -> dict[str, dict]:
    """What the audit finds, given judgements: check -> severity and sentence."""
    subject.judged = said
    return {
        one.check: {"severity": one.severity, "sentence": one.sentence, "facts": one.facts} for one in audit(subject)
    }


def _bias(subject: Subject, part: Part, answers: Answers, unfit: float) -> dict:
    """Whether the source-bias check fires by a judge's word, taken at face value and knowing how often it errs."""
    fires = {}
    for what, share in (("bias", 0.0), ("bias_knowing", unfit)):
        subject.judged = as_judged(part, answers, share)
        fires[what] = any(True for _ in source_bias.check(subject))
    return fires


def rejudged(asked: Asked, answers: Answers, keep: np.ndarray) -> dict:
    """What `weft rejudge` says: its verdict, and which of two systems changed their order."""
    task, ids, items = asked.task, asked.task.query_ids, asked.task.corpus.ids
    runs = {
        name: {ids[row]: [items[item] for item in ranking[row].tolist()] for row in keep.tolist()}
        for name, ranking in asked.rankings.items()
    }
    given = {
        ids[row]: dict.fromkeys((items[item] for item in task.relevant[row][0].tolist()), 1.0) for row in keep.tolist()
    }
    values = dict(zip(runs, asked.score(task.relevant, keep), strict=True))
    groups = np.asarray([str(label) for label in task.groups[keep]], dtype=object)
    old = Evaluated("proof", task.name, PRIMARY, [ids[row] for row in keep], groups, runs, given, values)
    rows = [
        {"task": task.name, "query_id": ids[row], "doc_id": items[item], "grade": float(RUBRIC.top * fits)}
        | {"judge": "attributes", "model": "", "rubric": str(RUBRIC), "status": "graded", "repeat": 0, "order": 0}
        for row in keep.tolist()
        for item, fits in zip(*answers[row], strict=True)
    ]
    record, _ = rejudge([old], rows, RUBRIC.relevant, seed=0)
    kinds = {kind: sum(row["kind"] == kind for row in record["pairs"]) for kind in record["kinds"]}
    return {"verdict": record["verdict"], "kinds": kinds, "robust": sum(row["robust"] for row in record["pairs"])}


def on_pictures(bench: Bench) -> list[dict]:
    """The source-bias test on drawn pictures with the encoders, fair and with captions of growing strength."""
    shelf, school, _ = bench.shelves
    systems = {name: encoder for name, encoder in five(bench.eyes, school).items() if name != "base"}
    pictures, rows = pictures_of(shelf), np.arange(len(shelf))
    images = {name: Embedder(one, bench.cache).images(pictures, rows) for name, one in systems.items()}
    texts = {name: Embedder(one).texts for name, one in systems.items()}
    trials, found = bench.settings.trials, []
    for told, count in ((0.0, trials), *((told, trials // 10) for told in (0.05, 0.1, 0.2, 0.4, 0.7, 1.0))):
        seen = simulate.drawn(shelf, texts, images, told, max(10, count), bench.settings.queries // 2)
        found += [{"system": name} | row for name, row in seen.items()]
    return found


def _kept(folder: Path, name: str, compute: Callable[[], dict]) -> dict:
    """A part's record: read back if it is there, else computed and written."""
    path = folder / f"{name.replace(' ', '-')}.json"
    if not path.exists():
        write_json(path, compute())
    return read_json(path)


def _agreement(truth: Answers, said: Answers) -> dict[str, float]:
    """Of what a judge calls relevant the share that is, and of what is the share it calls so, over the pool."""
    right, found = (np.concatenate([fits for _, fits in answers]) > 0 for answers in (truth, said))
    both = (right & found).sum()
    return {"precision": float(both / max(found.sum(), 1)), "recall": float(both / max(right.sum(), 1))}
