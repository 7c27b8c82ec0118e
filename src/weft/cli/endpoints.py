"""The options of a verb that asks a language model: where it is, how fast, at what price. `@endpoint_options`."""

import inspect
import typing
from collections.abc import Callable
from pathlib import Path

import typer

from weft.cli.signature import extended, option
from weft.errors import WeftError

if typing.TYPE_CHECKING:
    from weft.endpoint import Asked


def endpoint_options(without: str, temperature: float = 0.0) -> Callable[[Callable], Callable]:
    """Adds a verb's options of an endpoint, which it then gets as its keyword `asked`, a `weft.endpoint.Asked`.

    Args:
        without: what happens where no endpoint is named; temperature: the default.

    Raises:
        WeftError: from the verb, where one of them is given that would do nothing, as there is no endpoint.
    """

    added = _options(without, temperature)

    def given(verb: Callable) -> Callable:
        def inside(*arguments, **options):
            values = {name: options.pop(name) for name in added}
            for name, value in values.items() if not values["endpoint"] else ():
                if name != "dry_run" and value != added[name].default:
                    raise WeftError(f"--{name.replace('_', '-')} needs --endpoint URL; without one it does nothing")
            return verb(*arguments, **options, asked=_asked(**values))

        return extended(verb, inside, list(added.values()), hidden=["asked"])

    return given


def _options(without: str, temperature: float) -> dict[str, inspect.Parameter]:
    found = {}

    def add(kind: object, name: str, default: object, *names: str, **how) -> None:
        annotation = typing.Annotated[kind, typer.Option(*names, rich_help_panel="The language model", **how)]
        found[name] = option(name, annotation, default)

    where = f"OpenAI-compatible, without /chat/completions. None: {without}."
    add(str, "endpoint", "", metavar="URL", help=where)
    add(str, "model", "", help="The model to ask there; with pictures it must see them.")
    add(float, "temperature", temperature, help="0 for the likeliest answer; more for other ones.")
    add(int, "concurrency", 8, help="Requests in flight at once.")
    add(float, "requests", 0, help="At most so many a minute; 0: no limit.")
    add(float, "tokens", 0, help="At most so many a minute; 0: no limit.")
    add(float, "timeout", 120, help="Seconds for one answer.")
    add(float, "price_in", 0.0, help="For a million tokens read.")
    add(float, "price_out", 0.0, help="For a million tokens written.")
    add(float, "budget", 0.0, help="Stop before more than this is spent; 0: no limit.")
    add(bool, "dry_run", False, "--dry-run", help="Print requests, tokens and price; send nothing.")
    add(str, "key_variable", "WEFT_API_KEY", help="The environment variable that holds the key.")
    add(str, "body", "", help="More fields of every request, as JSON; null leaves a field out.")
    add(
        Path | None,
        "answers",
        None,
        help="The file of paid answers, which may be shared; OUT/answers.jsonl by default.",
    )
    return found


def _asked(
    endpoint: str, model: str, temperature: float, concurrency: int, requests: float, tokens: float, timeout: float,
    price_in: float, price_out: float, budget: float, dry_run: bool, key_variable: str, body: str, answers: Path | None,
) -> "Asked":  # fmt: skip
    from weft.curation.options import endpoint_of, fields_of
    from weft.endpoint import Asked, Ledger

    where = endpoint_of(endpoint, model, key_variable, timeout, concurrency, requests, tokens)
    fields = {"temperature": temperature} | fields_of(body)
    return Asked(where, fields, Ledger(price_in, price_out, budget), dry_run, answers)
