"""The options that say where a verb's heavy work is done: `@engine_options` gives them to it."""

from collections.abc import Callable
from typing import Annotated

import typer

from weft.cli.signature import extended, option


def engine_options(address: str = "--address") -> Callable[[Callable], Callable]:
    """Adds `--engine` and the address of a cluster to a verb, which then runs inside that engine.

    Args:
        address: the second option's name, where the verb has another `--address`.
    """
    engine = Annotated[str, typer.Option("--engine", metavar="local|ray", help="Where heavy work is done.")]
    cluster = Annotated[
        str, typer.Option(address, metavar="HOST:PORT", help="Of the Ray cluster; RAY_ADDRESS by default.")
    ]
    more = [option("engine", engine, "local"), option("cluster", cluster, "")]

    def given(verb: Callable) -> Callable:
        def inside(*arguments, engine: str, cluster: str, **options):
            from weft.engine import using

            with using(engine, cluster):
                return verb(*arguments, **options)

        return extended(verb, inside, more)

    return given
