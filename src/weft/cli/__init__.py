"""The command line: verbs only, which import lazily and hold no logic; a file for each family of verbs."""

import importlib
import sys

from weft.cli.app import app
from weft.errors import WeftError

FAMILIES = {
    "job": "The main job",
    "curation": "The main job",
    "evaluation": "Measure any models",
    "study": "Compare ways of training",
    "audit": "Question a benchmark",
    "judging": "Question a benchmark",
    "annotate": "Question a benchmark",
    "building": "Question a benchmark",
    "publish": "Release and serve",
    "serving": "Release and serve",
}
"""A file each, and the heading of its verbs in the help, in the order of the help."""

for _family, _heading in FAMILIES.items():
    _known = len(app.registered_commands)
    importlib.import_module(f"weft.cli.{_family}")
    for _command in app.registered_commands[_known:]:
        _command.rich_help_panel = _heading


def main() -> None:
    """Runs the command line; what a user can cause ends in one clear line and exit code 2."""
    try:
        app(standalone_mode=True)
    except WeftError as error:
        from weft.progress import legible

        print(f"weft: {legible(error)}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130:  # what typer makes of Ctrl-C
            print("weft: stopped; run the same command again to go on", file=sys.stderr)
        raise
