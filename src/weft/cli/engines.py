"""The options that say where a verb's heavy work is done: `@engine_options` gives them to it."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated

import typer


def engine_options(address: str = "--address") -> Callable[[Callable], Callable]:
    """Adds `--engine` and the address of a cluster to a verb, which then runs inside that engine.

    Args:
        address: the second option's name, where the verb has another `--address`.
    """
    engine = Annotated[str, typer.Option("--engine", metavar="local|ray", help="Where heavy work is done.")]
    cluster = Annotated[
        str, typer.Option(address, metavar="HOST:PORT", help="Of the Ray cluster; RAY_ADDRESS by default.")
    ]

    def given(verb: Callable) -> Callable:
        @functools.wraps(verb)
        def inside(*arguments, engine: str, cluster: str, **options):
            from weft.engine import using

            with using(engine, cluster):
                return verb(*arguments, **options)

        kind, own = inspect.Parameter.KEYWORD_ONLY, inspect.signature(verb, eval_str=True)
        more = [
            inspect.Parameter("engine", kind, default="local", annotation=engine),
            inspect.Parameter("cluster", kind, default="", annotation=cluster),
        ]
        inside.__signature__ = own.replace(parameters=[*own.parameters.values(), *more])
        inside.__annotations__ = verb.__annotations__ | {"engine": engine, "cluster": cluster}
        return inside

    return given
