"""The HTTP service: OpenAI-shaped embeddings, similarity, search over an index, pictures, health, metrics, the page."""

import asyncio
import base64
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import FastAPI, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from weft import __version__
from weft.serve import engine as work
from weft.serve import errors, renew
from weft.serve import records as say
from weft.serve.engine import Engine
from weft.serve.errors import ApiError
from weft.serve.inputs import inputs_of
from weft.serve.limits import Gate
from weft.serve.metrics import Metrics
from weft.serve.searching import answer

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
REFUSALS = {
    code: {"model": say.Error, "description": text}
    for code, text in {
        400: "The body is no JSON or no form, or it ended early.", 401: "A key is needed.",
        404: "There is no such thing.", 408: "The body did not arrive in time.", 413: "Too large.",
        421: "This server does not answer to that host name.",
        422: "It cannot be used; says why.", 429: "Busy: try again after `Retry-After` seconds.",
        500: "A model is broken.", 503: "What searches does not answer: try again after `Retry-After` seconds.",
    }.items()
}  # fmt: skip
REFUSALS[401]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
for _code in (429, 503):
    REFUSALS[_code]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}


def create_app(engine: Engine, metrics: Metrics, keys: tuple[bytes, ...] = (), hosts: tuple[str, ...] = ()) -> FastAPI:
    """The application around an engine; `keys` and `hosts` as `weft.serve.limits.Gate` takes them."""

    @asynccontextmanager
    async def life(app: FastAPI):
        looking = asyncio.create_task(renew.keep(engine))
        yield
        looking.cancel()
        await engine.close()

    app = FastAPI(
        title="Weft", version=__version__, lifespan=life, docs_url=None, redoc_url=None, responses=REFUSALS,
        redirect_slashes=False,  # a redirect's address would be made of the Host header, which anybody may write
        description="Search a catalogue by text and picture with a specialised vision-language encoder.",
    )  # fmt: skip
    app.add_middleware(Gate, limits=engine.limits, metrics=metrics, keys=keys, hosts=hosts)
    errors.install(app)
    _embedding(app, engine)
    _searching(app, engine)
    _rest(app, engine, metrics)
    return app


def _embedding(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/embeddings", tags=["embeddings"])
    async def embeddings(request: say.EmbeddingsRequest) -> say.Embeddings:
        """Vectors of texts and pictures, in OpenAI's shape: unit length, one space for both."""
        side = engine.side(request.model)
        told = request.input if isinstance(request.input, list) else [request.input]
        told = inputs_of(told, engine, "input")
        if request.dimensions and request.dimensions > side.index.dim:
            raise ApiError(422, f"{side.label} has {side.index.dim} dimensions", "dimensions")
        vectors = await engine.embed(side, told)
        if request.dimensions:
            vectors = work.unit(vectors[:, : request.dimensions])
        count = getattr(side.model.encoder, "token_lengths", lambda texts: [0])
        tokens = sum(await engine.in_thread(count, [one for one in told if isinstance(one, str)]))
        data = [say.Embedding(index=n, embedding=_coded(v, request.encoding_format)) for n, v in enumerate(vectors)]
        return say.Embeddings(data=data, model=side.label, usage=say.Usage(prompt_tokens=tokens, total_tokens=tokens))

    @app.post("/v1/similarity", tags=["embeddings"])
    async def similarity(request: say.SimilarityRequest) -> say.Similarities:
        """Cosines between every query and every document; either may be texts, pictures or both."""
        side = engine.side(request.model)
        queries = inputs_of(request.queries, engine, "queries")
        documents = inputs_of(request.documents, engine, "documents")
        if len(queries) + len(documents) > engine.limits.inputs:
            raise ApiError(422, f"at most {engine.limits.inputs} inputs a request", "documents")
        vectors = await engine.embed(side, [*queries, *documents])
        scores = vectors[: len(queries)].astype(np.float64) @ vectors[len(queries) :].T.astype(np.float64)
        return say.Similarities(model=side.label, scores=scores.tolist())

    @app.get("/v1/models", tags=["embeddings"])
    async def models() -> say.Models:
        """The models served here, in OpenAI's shape."""
        return say.Models(data=[
            say.Model(id=side.label, dimensions=side.index.dim, fingerprint=side.index.fingerprint)
            for side in engine.sides.values()
        ])  # fmt: skip


def _coded(vector: np.ndarray, how: str) -> list[float] | str:
    return vector.tolist() if how == "float" else base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _searching(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/search", tags=["search"])
    async def search(request: say.SearchRequest) -> say.SearchAnswer:
        """Products by text, picture or both, with filters, paging, facet counts; one model or two side by side."""
        return await answer(engine, request)

    @app.post("/v1/search/upload", tags=["search"])
    async def search_by_upload(
        image: Annotated[UploadFile, File(description="A picture file.")],
        request: Annotated[str, Form(description="The rest of a search request, as JSON.")] = "{}",
    ) -> say.SearchAnswer:
        """The same, with the picture as a form's file."""
        try:
            rest = say.SearchRequest.model_validate_json(request)
        except ValidationError as error:
            raise ApiError(422, f"request: {error.errors()[0]['msg']}"[:300], "request") from None
        if rest.image is not None:
            raise ApiError(422, "two pictures: one as a file, one in the request", "image")
        data = await image.read()
        if not data:
            raise ApiError(422, "an empty picture", "image")
        return await answer(engine, rest, data)

    @app.get("/v1/products/{id:path}/similar", tags=["search"], response_model=say.SearchAnswer)
    async def similar(
        sent: Request,
        id: str,
        limit: int = Query(24, ge=1, le=100),
        offset: int = Query(0, ge=0),
        model: str | None = None,
    ) -> say.SearchAnswer | Response:
        """What looks like a product; `like` in a search does the same with filters and facets."""
        if (sent.scope.get("raw_path") or b"").lower().endswith(b"%2fsimilar"):  # the end of an id, not of our address
            return JSONResponse((await product(f"{id}/similar")).model_dump())
        return await answer(engine, say.SearchRequest.model_construct(
            text=None, image=None, image_weight=0.5, like=id, filters={}, limit=limit, offset=offset, model=model,
            hybrid=False, compare=False, facets=False,
        ))  # fmt: skip

    @app.get("/v1/products/{id:path}", tags=["search"])
    async def product(id: str) -> say.ProductAnswer:
        """All that the index holds of a product."""
        index = engine.first.index
        if id not in index.row_of:
            raise ApiError(404, "no such product", "id")
        found = index.product(index.row_of[id])
        kept = ("title", "description", "brand", "category", "attributes", "pictures")
        return say.ProductAnswer(id=id, **{name: found[name] for name in kept})


def _rest(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    @app.get("/v1/gallery", tags=["search"])
    async def gallery() -> say.Gallery:
        """What the page begins with: models, counts, names to filter by, queries to try in short and long form."""
        index = engine.first.index
        return say.Gallery(
            models=list(engine.sides),
            products=len(index),
            pictures=len(index.owner),
            facets=list(index.facets.facets),
            examples=index.examples,
        )

    @app.get(
        "/pictures/{sha}", tags=["search"], response_class=Response, responses={200: {"content": {"image/jpeg": {}}}}
    )
    async def picture(sha: str) -> Response:
        """A thumbnail, by the SHA-256 of the picture it was made from."""
        for side in engine.sides.values():
            if (data := await engine.in_thread(side.index.picture, sha)) is not None:
                kept = {"Cache-Control": "public, max-age=31536000, immutable"}
                return Response(data, media_type="image/jpeg", headers=kept)
        raise ApiError(404, "no such picture", "sha")

    @app.head("/health", include_in_schema=False)  # how some load balancers ask
    @app.get("/health", tags=["operations"])
    async def health() -> say.Health:
        """200 as long as requests are answered."""
        galleries = {side.label: side.index.folder.name for side in engine.sides.values()}
        return say.Health(version=__version__, indexes=galleries, waiting=engine.batcher.waiting)

    @app.get("/metrics", tags=["operations"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Prometheus' text format."""
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    files = _page()

    @app.get("/", include_in_schema=False)
    @app.get("/page/{name}", include_in_schema=False)
    async def page(name: str = "index.html") -> Response:
        if name not in files:
            raise ApiError(404, "no such file")
        data, kind = files[name]
        return Response(data, media_type=kind, headers={"Cache-Control": "no-cache"})


def _page() -> dict[str, tuple[bytes, str]]:
    """Name -> (bytes, media type) of the page's files: nothing else can be asked for."""
    folder = Path(str(resources.files("weft"))) / "serve" / "page"
    return {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in folder.iterdir() if path.suffix in TYPES}
