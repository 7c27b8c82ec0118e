"""The same gallery in a Qdrant server or cluster: kept equal to the index folder, searched with equal results."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from weft.errors import Away, WeftError, extra
from weft.index.facets import Filters
from weft.index.folder import Index
from weft.progress import progress, say

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

FLOATS_AT_ONCE = 250_000
"""A request is about 5 MB of JSON then; servers refuse more than 32 MB (`service.max_request_size_mb`)."""
POINTS_AT_ONCE = 256
SPARE = 16
"""Products fetched beyond k, to settle near ties as the folder's own search does."""
ROUNDING = 1e-5
"""How far the server's float32 cosine may be from the exact one."""
_SPACE = uuid.UUID("6f0b6d0e-6c7a-4c52-9f0f-0c9a5b1f7a55")


def connect(address: str, known: bool = True) -> "QdrantClient":
    """A client of the server at `address`; ":memory:" is a private one.

    Args:
        known: the address is the user's own word, so that server is sent the key in QDRANT_API_KEY, if it is set.

    Raises:
        WeftError: qdrant-client is not installed.
    """
    module = extra("qdrant_client", "qdrant", "--store qdrant")
    if address == ":memory:":
        return module.QdrantClient(":memory:")
    return module.QdrantClient(
        url=address, api_key=os.environ.get("QDRANT_API_KEY") if known else None, timeout=60, check_compatibility=False
    )


def collection_name(index: Index, name: str) -> str:
    """Ends in the model's fingerprint: vectors of two models cannot meet, and the old ones serve until deleted."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name).strip('-') or 'weft'}-{index.fingerprint[:12]}"


def keep(index: Index) -> None:
    """Makes the server that a version's manifest names, if it names one, equal to it. Raises as `synchronise`."""
    if store := index.manifest.get("store"):
        synchronise(index, connect(store["address"]), **store)


def synchronise(index: Index, client: "QdrantClient", name: str, address: str = "") -> tuple[int, int]:
    """Makes the server's collection equal to the index; returns products sent and products deleted.

    Each product is one point: its pictures' vectors as a multivector scored by the best of them, and a payload of
    `product_id`, `title`, `facets` ("name=value", what filters ask for) and `hash`. What has the same hash is not sent
    again, so a call that was cut off is mended by the next one.

    Raises:
        WeftError: the server cannot be reached or refuses.
    """
    from qdrant_client import models

    collection = collection_name(index, name)
    with _reaching(address):
        if not client.collection_exists(collection):
            client.create_collection(
                collection,
                vectors_config=models.VectorParams(
                    size=index.dim,
                    distance=models.Distance.DOT,  # the vectors are unit already; COSINE would round them once more
                    multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                ),
            )
            if address != ":memory:":  # its local mode has no indexes and warns
                client.create_payload_index(collection, "facets", models.PayloadSchemaType.KEYWORD)
        there = dict(_hashes(client, collection))
        ids, wanted = index.products["product_id"].to_pylist(), index.products["hash"].to_pylist()
        wanted = [f"{key} {index.vectors.dtype}" for key in wanted]  # half the precision: other vectors
        points = [str(uuid.uuid5(_SPACE, product)) for product in ids]
        stale = [row for row, (point, key) in enumerate(zip(points, wanted, strict=True)) if there.get(point) != key]
        gone = sorted(there.keys() - set(points), key=str)
        for rows in progress(_batches(index, stale), f"sending to {collection}", unit="batch"):
            client.upsert(collection, [_point(index, row, points[row], wanted[row]) for row in rows])
        for start in range(0, len(gone), POINTS_AT_ONCE):
            client.delete(collection, models.PointIdsList(points=gone[start : start + POINTS_AT_ONCE]))
    say(f"  {collection}: {len(stale)} products sent, {len(gone)} deleted")
    return len(stale), len(gone)


def _batches(index: Index, rows: list[int]) -> list[list[int]]:
    """The rows, cut so that a request holds few enough products and few enough numbers, or one product."""
    batches, floats = [], 0
    for row in rows:
        own = len(index.images_of(row)) * index.dim
        if not batches or len(batches[-1]) == POINTS_AT_ONCE or floats + own > FLOATS_AT_ONCE:
            batches.append([])
            floats = 0
        batches[-1].append(row)
        floats += own
    return batches


def _point(index: Index, row: int, name: str, key: str):
    from qdrant_client import models

    product = index.product(row)
    rows = index.images_of(row)
    told = {"brand": [product["brand"]], "category": [product["category"]]}
    pairs = [*told.items(), *product["attributes"].items()]
    return models.PointStruct(
        id=name,
        vector=np.asarray(index.vectors[rows.start : rows.stop], dtype=np.float32).tolist(),
        payload={
            "product_id": product["product_id"],
            "title": product["title"],
            "facets": sorted({f"{name}={value}" for name, values in pairs for value in values if value}),
            "hash": key,
        },
    )


def _hashes(client: "QdrantClient", collection: str) -> Iterator[tuple[str | int, str]]:
    offset = None
    while True:
        found, offset = client.scroll(collection, limit=1000, offset=offset, with_payload=["hash"])
        yield from ((point.id, point.payload.get("hash", "")) for point in found)
        if offset is None:
            return


class Qdrant:
    """A `Store` on a server: it proposes products, the index's own vectors score them, in float64 as `top_k` does.

    Args:
        exact: compare every vector, as the folder's search does; without it the server's graph is walked, which is
            faster and may miss products.
    """

    def __init__(self, index: Index, client: "QdrantClient", name: str, address: str = "", exact: bool = True):
        self.index, self.client, self.address, self.exact = index, client, address, exact
        self.collection = collection_name(index, name)
        with _reaching(address):
            if not client.collection_exists(self.collection):
                raise WeftError(
                    f"{address} has no collection {self.collection}: run weft index again with "
                    f"--store qdrant --address {address}"
                )

    def search(self, vector: np.ndarray, k: int, filters: Filters) -> tuple[np.ndarray, np.ndarray]:
        from qdrant_client import models

        self.index.facets.check(filters)
        asked = [
            models.FieldCondition(key="facets", match=models.MatchAny(any=[f"{name}={value}" for value in values]))
            for name, values in filters.items()
            if values
        ]
        limit = k + SPARE
        while True:
            with _reaching(self.address):
                found = self.client.query_points(
                    self.collection,
                    query=[vector.astype(np.float32).tolist()],
                    query_filter=models.Filter(must=asked) if asked else None,
                    search_params=None if self.address == ":memory:" else models.SearchParams(exact=self.exact),
                    limit=limit,
                    with_payload=["product_id"],
                ).points
            rows = [self.index.row_of.get(point.payload["product_id"], -1) for point in found]
            rows = np.asarray([row for row in rows if row >= 0], dtype=np.int64)
            if found and not len(rows):
                raise Away(f"{self.address}: {self.collection} holds other products than {self.index.folder.parent}")
            scores = np.asarray([self._score(vector, row) for row in rows], dtype=np.float32)
            order = np.lexsort((rows, -scores))[:k]
            settled = len(order) == k and found[-1].score < scores[order[-1]] - ROUNDING
            if len(found) < limit or settled or not self.exact:
                return rows[order], scores[order]
            limit *= 4  # the list may be cut inside a near tie

    def _score(self, vector: np.ndarray, row: int) -> float:
        own = np.asarray(self.index.vectors[self.index.first[row] : self.index.first[row + 1]], dtype=np.float32)
        return float((own * vector.astype(np.float64)).sum(axis=1).astype(np.float32).max())


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    """Whatever the client raises, as one clear line."""
    try:
        yield
    except WeftError:
        raise
    except Exception as error:  # httpx, grpc and the client each have their own
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise Away(f"Qdrant at {address}: {reason}; see that it runs and that QDRANT_API_KEY is right") from error
