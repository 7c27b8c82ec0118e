"""The options of a verb that asks a language model: where it is, how fast, at what price. `@endpoint_options`."""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

if typing.TYPE_CHECKING:
    from weft.endpoint import Endpoint, Ledger


@dataclass(frozen=True)
class Asked:
    """What these options come to. `where` is None without an address; `fields` are those of every request."""

    where: "Endpoint | None"
    fields: dict
    ledger: "Ledger"
    dry_run: bool
    answers: Path | None


def endpoint_options(without: str, temperature: float = 0.0) -> Callable[[Callable], Callable]:
    """Adds a verb's options of an endpoint, which it then gets as its keyword `asked`, an `Asked`.

    Args:
        without: what happens where no endpoint is named; temperature: the default.
    """

    def given(verb: Callable) -> Callable:
        @functools.wraps(verb)
        def inside(*arguments, **options):
            values = {name: options.pop(name) for name in added}
            return verb(*arguments, **options, asked=_asked(**values))

        added, own = _options(without, temperature), inspect.signature(verb, eval_str=True)
        kept = [parameter for name, parameter in own.parameters.items() if name != "asked"]
        inside.__signature__ = own.replace(parameters=[*kept, *added.values()])
        inside.__annotations__ = {p.name: p.annotation for p in (*kept, *added.values())}
        return inside

    return given


def _options(without: str, temperature: float) -> dict[str, inspect.Parameter]:
    found = {}

    def option(kind: object, name: str, default: object, *names: str, **how) -> None:
        annotation = typing.Annotated[kind, typer.Option(*names, rich_help_panel="The language model", **how)]
        found[name] = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

    where = f"OpenAI-compatible, without /chat/completions. None: {without}."
    option(str, "endpoint", "", metavar="URL", help=where)
    option(str, "model", "", help="The model to ask there; with pictures it must see them.")
    option(float, "temperature", temperature, help="0 for the likeliest answer; more for other ones.")
    option(int, "concurrency", 8, help="Requests in flight at once.")
    option(float, "requests", 0, help="At most so many a minute; 0: no limit.")
    option(float, "tokens", 0, help="At most so many a minute; 0: no limit.")
    option(float, "timeout", 120, help="Seconds for one answer.")
    option(float, "price_in", 0.0, help="For a million tokens read.")
    option(float, "price_out", 0.0, help="For a million tokens written.")
    option(float, "budget", 0.0, help="Stop before more than this is spent; 0: no limit.")
    option(bool, "dry_run", False, "--dry-run", help="Print requests, tokens and price; send nothing.")
    option(str, "key_variable", "WEFT_API_KEY", help="The environment variable that holds the key.")
    option(str, "body", "", help="More fields of every request, as JSON; null leaves a field out.")
    option(
        Path | None,
        "answers",
        None,
        help="The file of paid answers, which may be shared; OUT/answers.jsonl by default.",
    )
    return found


def _asked(
    endpoint: str, model: str, temperature: float, concurrency: int, requests: float, tokens: float, timeout: float,
    price_in: float, price_out: float, budget: float, dry_run: bool, key_variable: str, body: str, answers: Path | None,
) -> Asked:  # fmt: skip
    from weft.curation.options import endpoint_of, fields_of
    from weft.endpoint import Ledger

    where = endpoint_of(endpoint, model, key_variable, timeout, concurrency, requests, tokens)
    fields = {"temperature": temperature} | fields_of(body)
    return Asked(where, fields, Ledger(price_in, price_out, budget), dry_run, answers)
