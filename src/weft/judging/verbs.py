"""What `weft agree` and `weft rejudge` do with files: read them, have the numbers made, write the release."""

from collections.abc import Sequence
from pathlib import Path

from weft.errors import WeftError
from weft.files import read_json
from weft.judging.ensemble import grades_of, read_all
from weft.judging.evaluated import open_evaluation
from weft.judging.lookup import images_of, labels_of, systems_of
from weft.judging.pool import Pool
from weft.judging.rejudge import rejudge
from weft.judging.release import release
from weft.judging.rubric import known_rubric, rubric_of
from weft.judging.validate import validate


def agree(
    judgements: Path, against: Path | None = None, pool: Path | None = None, products: Path | None = None,
    column: str = "category", seed: int = 0,
) -> dict:  # fmt: skip
    """The record of `weft.judging.validate.validate`, from files.

    Raises:
        WeftError: there are products but no pool, which has the pairs that they stand in, or as it and the readers do.
    """
    if products and not pool:
        raise WeftError(f"--products {products} needs --pool POOL, the folder of weft pool that was judged")
    judged = read_all([judgements])
    human = people(against) if against else []
    known = Pool(pool) if pool else None
    systems = systems_of(known) if known else None
    labels = labels_of(known, products, column) if known else None
    return validate(judged, human, systems, labels, seed)


def people(file: Path) -> list[dict]:
    """Somebody's judgements to hold a judge against. Raises `WeftError` where there are none to read."""
    return read_all([file])


def judge_again(
    evaluation: Path, judgements: Sequence[Path], out: Path, pool: Path | None = None, tasks: Sequence[str] = (),
    relevant: float | None = None, licence: str = "unknown", seed: int = 0,
) -> dict:  # fmt: skip
    """The record of `weft.judging.rejudge.rejudge`, from files; writes `out/release`.

    Args:
        relevant: by default the rubric's own lowest relevant grade.

    Raises:
        WeftError: a file is missing or damaged, files do not belong together, or neither `relevant` nor the rubric is
            known.
    """
    found = open_evaluation(evaluation, tasks)
    rows = read_all(judgements)
    known = Pool(pool) if pool else None
    told = rows[0]["rubric"]
    rubric = rubric_of(told, judgements) if relevant is None else known_rubric(told, judgements)
    relevant = float(rubric.relevant) if relevant is None else relevant
    record, _ = rejudge(found, rows, relevant, images_of(known) if known else None, seed)
    record["judgements"] = [str(path) for path in judgements]
    source = _source(evaluation, found[0].benchmark)
    record["benchmark"] = source
    facts = known.facts if known else None
    release(out / "release", record, found, grades_of(rows), rows, rubric, licence, source, facts)
    return record


def _source(evaluation: Path, benchmark: str) -> dict:
    """What the leaderboard says of the benchmark: name, source, revision, licence; {} where there is none."""
    path = Path(evaluation) / "leaderboard.json"
    told = read_json(path).get("benchmarks", []) if path.exists() else []
    return next((one for one in told if one.get("name") == benchmark), {"name": benchmark} if benchmark else {})
