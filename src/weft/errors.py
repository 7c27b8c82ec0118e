"""The one exception for everything a user can cause, so that the command line can print it without a traceback."""

import importlib
from types import ModuleType


class WeftError(Exception):
    """A problem the user can mend. The message says what is wrong, where, and what to do.

    Raise it instead of a library's own exception wherever the cause lies in the user's
    data, recipe, disk or model; let every other exception escape, because it is our bug.
    """


class Away(WeftError):
    """Something beside us does not answer, a server for instance: the same may work later."""


class Broken(WeftError):
    """A model gives what is no vector: its weights or its precision are at fault, not what it was shown."""


class Unable(WeftError):
    """A model lacks what a task asks for, a text tower for instance: its other tasks can still be done."""


def extra(module: str, name: str, whose: str) -> ModuleType:
    """An optional library.

    Args:
        module: what to import.
        name: the extra of `pyproject.toml` that installs it. Weft is on no index: a bare name there is not it.
        whose: what needs it, for the message.

    Raises:
        WeftError: it is not installed, or broken.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError, OSError) as error:  # a torchvision of another build fails in several ways
        told = f'pip install -c constraints.txt -e ".[{name}]" in Weft\'s own folder'
        raise WeftError(f"{whose} needs {module} ({error}); install it with: {told}") from None
