"""A running service takes a new version of its index by itself: what was begun ends on the old one."""

import asyncio

from weft.errors import WeftError
from weft.files import read_json
from weft.index import open_index
from weft.index.folder import CURRENT
from weft.progress import say
from weft.serve.engine import Engine, Side

EVERY = 5.0
"""Seconds between two looks at `current.json`, which `weft index` replaces last."""


async def keep(engine: Engine, every: float = EVERY) -> None:
    """Looks for newer versions until it is cancelled. One that cannot be used is told once; the old one stays."""
    told: set[tuple[str, str]] = set()
    while True:
        await asyncio.sleep(every)
        for side in list(engine.sides.values()):
            try:
                if newer := await engine.in_thread(renewed, side):
                    engine.replace(newer)
                    say(f"  {newer.label}: {len(newer.index)} products from now on, {newer.index.folder.name}")
            except Exception as error:  # a database that is away for a moment must not end the looking
                if (side.label, str(error)) not in told:
                    told.add((side.label, str(error)))
                    say(f"  {side.label} stays at {side.index.folder.name}: {error}")


def renewed(side: Side) -> Side | None:
    """The side with the current version of its index, warm; None if it has that already.

    Raises:
        WeftError: that version is damaged, or was made with another model or under another label.
    """
    folder = side.index.folder.parent
    current = folder / read_json(folder / CURRENT)["version"]
    if read_json(current / "manifest.json") == side.index.manifest:  # an index made anew takes the old names again
        return None
    found = open_index(folder)
    if (found.fingerprint, found.label) != (side.index.fingerprint, side.label):
        raise WeftError(f"{found.folder} was made with another model or label: start the service again")
    found.warm()
    return Side(found, side.store_of(found), side.model, side.store_of)
