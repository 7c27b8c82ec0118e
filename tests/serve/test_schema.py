"""The OpenAPI document is kept: schemathesis asks each operation, rightly and wrongly, and checks every answer."""

from collections import defaultdict
from types import SimpleNamespace
from zlib import crc32

import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks as openapi
from service import url

import galleries
from weft.serve.app import create_app
from weft.serve.limits import Limits
from weft.serve.metrics import Metrics

CHECKS = [
    not_a_server_error, openapi.status_code_conformance, openapi.content_type_conformance,
    openapi.response_headers_conformance, openapi.response_schema_conformance, openapi.negative_data_rejection,
    openapi.unsupported_method,
]  # fmt: skip
"""`positive_data_acceptance` is not among them: what a document cannot say (no text of blanks, `like` or a picture but
not both, at most 64 inputs) is refused with 422, and that is no fault."""
PICTURE = galleries.picture(1)


def document() -> dict:
    """What `/openapi.json` says, which depends on no index: tests are made of it before there is one."""
    return create_app(SimpleNamespace(limits=Limits()), Metrics()).openapi()


def described(examples: int):
    """The schema; beside `examples` random cases an operation gets those at and beyond each limit that it states."""
    settings = {
        "seed": 7,
        "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
        "phases": {"stateful": {"enabled": False}},
    }
    return schemathesis.openapi.from_dict(document(), config=SchemathesisConfig.from_dict(settings))


@pytest.fixture(scope="module")
def app(served):
    """The service without its beginning and end: schemathesis would close the engine in a loop of its own."""

    async def asked(scope, receive, send):
        assert scope["type"] == "http"
        await served.app(scope, receive, send)

    return asked


@pytest.fixture(scope="module")
def answered():
    """Operation -> the statuses of its answers; in the end each was asked well at least once."""
    statuses = defaultdict(set)
    yield statuses
    assert [operation for operation, seen in statuses.items() if 200 not in seen] == []


def reaching(case, index) -> None:
    """Lets half of the cases name a product or a picture that there is; random names would only ever be missed."""
    if crc32(repr((case.path_parameters, case.query, case.body)).encode("utf-8", "replace")) % 2:
        return
    there = {"id": "p3", "sha": index.sha(3)}
    for name in case.path_parameters or ():
        if case.path_parameters[name] and isinstance(case.path_parameters[name], str):
            case.path_parameters[name] = there[name]
    if isinstance(case.body, dict) and isinstance(case.body.get("like"), str):
        case.body["like"] = there["id"]
    if isinstance(case.body, dict) and isinstance(case.body.get("image"), str | bytes):
        case.body["image"] = PICTURE if case.path.endswith("/upload") else url(PICTURE)


def ask(case, served, app, answered) -> None:
    reaching(case, served.engine.first.index)
    answer = case.call(app=app)
    answered[case.operation.label].add(answer.status_code)
    case.validate_response(answer, CHECKS)


@described(4).parametrize()
def test_answers_are_as_described(case, served, app, answered):
    ask(case, served, app, answered)


@pytest.mark.slow
@described(400).parametrize()
def test_answers_are_as_described_whatever_is_asked(case, served, app, answered):
    ask(case, served, app, answered)


def test_the_document_served_is_the_one_that_is_asked(served):
    assert served.get("/openapi.json").json() == document()
