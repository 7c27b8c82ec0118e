"""What `weft study` says before it begins: rows, trainings, hours, disk; and which rows and seeds were meant."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from weft.errors import WeftError
from weft.study.cost import Meter, distinct, jobs
from weft.study.plan import Row, Study


def render(study: Study, rows: Sequence[Row], seeds: Sequence[int], meter: Meter, chosen: Mapping) -> str:
    """Rows, trainings, hours and disk, for the terminal."""
    every = jobs(study, rows, seeds, chosen)
    once = distinct(every)
    wide = max(len(row.label) for row in rows)
    against = study.row(study.reference).label
    lines = [
        f"study {study.name}: {len(rows)} rows, seeds {', '.join(map(str, seeds))}, everything against {against!r}",
        "",
        f"{'row':<{wide}}  model      trials  seeds  changes",
    ]
    for row in rows:
        trials = len(study.trials_of(row)) if row.trained and not row.soup_of else 0
        own = [seed for seed in study.seeds_of(row) if seed in seeds] if row.trained else []
        told = f"{row.model}{'' if row.alpha < 0 else f' {row.alpha:g}'}"
        what = f"soup of {row.soup_of}" if row.soup_of else row.encoder or " ".join((row.recipe, *row.set))
        what = textwrap.shorten(what, 60, placeholder=" ...")
        lines.append(f"{row.label:<{wide}}  {told:<9}  {trials or '':>6}  {len(own) or '':>5}  {what}")
    left = [one for one in once if not meter.done(one)]
    seconds = meter.seconds(every)
    when = "after curation" if np.isnan(seconds) else f"about {duration(seconds)}"
    lines += [
        "",
        f"trainings  {len(every)} asked for, {len(once)} different ones, {len(once) - len(left)} done",
        f"time left  {when}" + ("" if np.isnan(seconds) else f" (step times {meter.source})"),
        f"disk       about {meter.disk(every) / 1e9:.1f} GB at the end, half of it under cache/, which may be deleted",
    ]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """For instance "2 h 05 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(seconds, 0):.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def check_rows(rows: Sequence[str], study: Study) -> list[Row]:
    """The rows that are wanted, by name or part, all by default; always the base, and whatever a soup is made of."""
    names = [row.name for row in study.rows]
    parts = sorted({row.part for row in study.rows} - {""})
    if unknown := [name for name in rows if name not in names + parts]:
        told = f"; parts are {', '.join(parts)}" if parts else ""
        raise WeftError(f"no row is called {unknown[0]!r}; there are {', '.join(names)}{told}")
    wanted = {row.name for row in study.rows if not rows or row.name in rows or row.part in rows} | {study.base.name}
    wanted |= {row.soup_of for row in study.rows if row.name in wanted and row.soup_of}
    return [row for row in study.rows if row.name in wanted]


def check_seeds(seeds: Sequence[int], study: Study) -> tuple[int, ...]:
    """The seeds that are wanted, all by default."""
    if unknown := [seed for seed in seeds if seed not in study.seeds]:
        raise WeftError(f"seed {unknown[0]} is none of the study's, {', '.join(map(str, study.seeds))}")
    return tuple(seed for seed in study.seeds if seed in seeds) if seeds else study.seeds
