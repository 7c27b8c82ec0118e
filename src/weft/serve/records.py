"""The requests and answers of the API, with the examples that its OpenAPI document shows."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mPcpGTCgA0wMeAAg1MCANO2ARhqQyTWAA"
    "AAAElFTkSuQmCC"
)
Name = Annotated[str, StringConstraints(max_length=200)]
Encoded = Annotated[str, Field(description="A base64 data URL or bare base64. Addresses are never fetched.")]


def shown(*examples: dict) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)}, extra="forbid")


class TextInput(BaseModel):
    model_config = shown({"text": "red wool coat"})
    text: str


class ImageInput(BaseModel):
    model_config = shown({"image": PIXEL})
    image: Encoded


Input = str | TextInput | ImageInput


class EmbeddingsRequest(BaseModel):
    """As OpenAI's; an input may also be a picture. A string that begins with `data:image/` is one too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"input": "red wool coat"},
                {"input": ["red wool coat", {"image": PIXEL}], "encoding_format": "base64"},
            ]
        }
    )
    input: Input | Annotated[list[Input], Field(max_length=2048)]
    model: Name | None = Field(None, description="One of `/v1/models`; the first of them by default.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(
        None, ge=1, description="Only the first so many, normalised anew. What that costs depends on the model."
    )

    @field_validator("input", mode="before")
    @classmethod
    def _no_tokens(cls, told: object) -> object:
        if isinstance(told, list) and told and all(isinstance(one, int | list) for one in told):
            raise ValueError(
                "token ids belong to another model: send texts (LangChain: check_embedding_ctx_length=False)"
            )
        return told


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="Numbers, or base64 of little-endian float32.")


class Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class SimilarityRequest(BaseModel):
    model_config = shown({"queries": ["red wool coat", "sandals"], "documents": [{"image": PIXEL}]})
    queries: list[Input] = Field(min_length=1, max_length=2048)
    documents: list[Input] = Field(min_length=1, max_length=2048)
    model: Name | None = None


class Similarities(BaseModel):
    model: str
    scores: list[list[float]] = Field(description="Cosines: a row for each query, a column for each document.")


class SearchRequest(BaseModel):
    """A text, a picture or both; or `like`, a product's id. With none of them the gallery is leafed through; an empty
    one is refused, because nobody means that."""

    model_config = shown(
        {"text": "red wool coat", "filters": {"category": ["coat", "jacket"]}, "limit": 24, "facets": True},
        {"text": "but in green", "image": PIXEL, "image_weight": 0.6},
        {"like": "sku-17", "compare": True},
    )
    text: str | None = None
    image: Encoded | None = None
    image_weight: float = Field(
        0.5, ge=0, le=1, allow_inf_nan=False, description="Of the picture where there is a text as well."
    )
    like: Annotated[str, StringConstraints(max_length=2000)] | None = None
    filters: dict[Name, Annotated[list[Name], Field(max_length=100)]] = Field(
        default={}, max_length=20, description="AND between names, OR between one name's values."
    )
    limit: int = Field(24, ge=1, le=100)
    offset: int = Field(0, ge=0)
    model: Name | None = None
    hybrid: bool = Field(False, description="Fuse with BM25 over titles (reciprocal ranks); needs a text.")
    compare: bool = Field(False, description="Both models' rankings, and where each product stands in the other's.")
    facets: bool = Field(False, description="How many products each value of each attribute would leave.")


class Hit(BaseModel):
    rank: int
    id: str
    title: str
    brand: str
    category: str
    pictures: list[str] = Field(description="For `/pictures/{sha}`.")
    score: float | None = Field(description="Cosine; the fusion's score in a hybrid search; none without a query.")
    other_rank: int | None = Field(None, description="In the other model's ranking; none: not among its first `depth`.")


class Ranking(BaseModel):
    model: str
    results: list[Hit]


class FacetValue(BaseModel):
    value: str
    count: int


class SearchAnswer(Ranking):
    total: int = Field(description="Products that satisfy the filters.")
    offset: int
    depth: int | None = Field(None, description="How far down the other ranking `other_rank` was looked for.")
    other: Ranking | None = None
    facets: dict[str, list[FacetValue]] | None = None
    took_ms: float


class ProductAnswer(BaseModel):
    id: str
    title: str
    description: str
    brand: str
    category: str
    attributes: dict[str, list[str]]
    pictures: list[str]


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "weft"
    dimensions: int
    fingerprint: str = Field(description="Of weights and preprocessing.")


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class Example(BaseModel):
    product_id: str
    short: str
    long: str


class Gallery(BaseModel):
    models: list[str]
    products: int
    pictures: int
    facets: list[str] = Field(description="What `filters` of a search may name.")
    examples: list[Example]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    indexes: dict[str, str] = Field(description="Of each model, the index's version that is open.")
    waiting: int


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: int


class Error(BaseModel):
    """The one shape of every refusal."""

    error: ErrorDetail
