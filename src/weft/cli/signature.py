"""Options that a decorator gives to verbs: typer reads a signature, so that is what has to be changed."""

import functools
import inspect
from collections.abc import Callable, Collection, Sequence


def extended(
    verb: Callable, inside: Callable, added: Sequence[inspect.Parameter], hidden: Collection[str] = ()
) -> Callable:
    """`inside`, which stands for `verb`, as typer should see it: the verb's options without `hidden`, then `added`.

    Args:
        added: keyword parameters with typer's annotations; see `option`.
        hidden: parameters of the verb that `inside` fills in.
    """
    own = inspect.signature(verb)
    parameters = [*(one for name, one in own.parameters.items() if name not in hidden), *added]
    functools.update_wrapper(inside, verb)
    inside.__signature__ = own.replace(parameters=parameters)
    inside.__annotations__ = {one.name: one.annotation for one in parameters}
    return inside


def option(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
