"""Answers a search: one model's ranking or two side by side, the products on its page, and what filters leave."""

import asyncio
import time

import numpy as np

from weft.serve import records as say
from weft.serve.engine import Engine, Query, Side
from weft.serve.inputs import query_of

DEPTH = 200
"""Down to which rank two models' rankings are compared."""

Found = tuple[np.ndarray, np.ndarray | None]
"""Rows of the products, best first, and their scores; no scores where nothing was asked."""


async def answer(engine: Engine, request: say.SearchRequest, image: bytes = b"") -> say.SearchAnswer:
    """What `request` finds. Raises `ApiError` as `query_of` does, or where no such model or product is here."""
    start = time.perf_counter()
    query, side = query_of(request, engine, image), engine.side(request.model)
    told = await (_compared if request.compare else _ranked)(engine, side, query, request)
    kept = await engine.in_thread(side.index.facets.mask, request.filters)
    if request.facets:
        counts = await engine.in_thread(side.index.facets.counts, request.filters)
        told["facets"] = {
            name: [say.FacetValue(value=value, count=count) for value, count in values]
            for name, values in counts.items()
        }
    total = len(side.index) if kept is None else int(kept.sum())
    took = round(1000 * (time.perf_counter() - start), 2)
    return say.SearchAnswer(model=side.label, total=total, offset=request.offset, took_ms=took, **told)


async def _ranked(engine: Engine, side: Side, query: Query, request: say.SearchRequest) -> dict:
    last = request.offset + request.limit
    found = await engine.ranking(side, query, last, request.filters, request.hybrid)
    return {"results": await engine.in_thread(_hits, side, found, request.offset, last)}


async def _compared(engine: Engine, side: Side, query: Query, request: say.SearchRequest) -> dict:
    """Both models' pages, each product with its rank in the other's ranking down to `depth`."""
    other = next(one for one in engine.sides.values() if one is not side)
    last = request.offset + request.limit
    depth = max(last, DEPTH)
    mine, theirs = await asyncio.gather(
        *(engine.ranking(one, query, depth, request.filters, request.hybrid) for one in (side, other))
    )
    here, there = _ranks(side, mine), _ranks(other, theirs)
    return {
        "depth": depth,
        "results": await engine.in_thread(_hits, side, mine, request.offset, last, there),
        "other": say.Ranking(
            model=other.label, results=await engine.in_thread(_hits, other, theirs, request.offset, last, here)
        ),
    }


def _ranks(side: Side, found: Found) -> dict[str, int]:
    names = side.index.products["product_id"].take(found[0]).to_pylist()
    return {name: rank for rank, name in enumerate(names, start=1)}


def _hits(side: Side, found: Found, first: int, last: int, other: dict[str, int] | None = None) -> list[say.Hit]:
    rows, scores = found
    hits = []
    for place in range(first, min(last, len(rows))):
        product = side.index.product(int(rows[place]))
        hits.append(
            say.Hit(
                rank=place + 1,
                id=product["product_id"],
                score=None if scores is None else float(scores[place]),
                other_rank=None if other is None else other.get(product["product_id"]),
                **{name: product[name] for name in ("title", "brand", "category", "pictures")},
            )
        )
    return hits
