"""The command line: verbs only, which import lazily and hold no logic; a file for each family of verbs."""

import importlib
import sys

from weft.cli.app import app
from weft.errors import WeftError

for _family in ("job", "evaluation"):  # each adds its verbs; the help lists them in this order
    importlib.import_module(f"weft.cli.{_family}")


def main() -> None:
    """Runs the command line; what a user can cause ends in one clear line and exit code 2."""
    try:
        app(standalone_mode=True)
    except WeftError as error:
        print(f"weft: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130:  # what typer makes of Ctrl-C
            print("weft: stopped; run the same command again to go on", file=sys.stderr)
        raise
