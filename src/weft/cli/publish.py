"""The verb that hands a finished model to others: publish."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import app
from weft.errors import WeftError


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder, for instance runs/demo.")],
    out: Annotated[Path | None, typer.Option(help="The folder that is made; RUN/publish by default.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also export both towers; needs the extra onnx.")] = False,
    licence: Annotated[str, typer.Option(help="Of these weights, as the hub calls it; the base's by default.")] = "",
    repository: Annotated[
        str, typer.Option("--push", metavar="OWNER/NAME", help="Say what would be uploaded, and where to.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --push: do upload it; a new repository is private.")] = False,
) -> None:
    """Make a model folder that others can load and check: weights, card, evidence, exports, checksums.

    It opens in transformers and sentence-transformers with the same embeddings. The card, README.md, is written from
    what the run measured: every table with intervals, losses beside wins, what shorter, quantised and exported
    vectors lose. Nothing leaves this machine without --push and --yes.
    """
    from weft.publish import hub
    from weft.publish.folder import publish as make

    if repository:
        hub.checked(repository)  # a typo is answered before an hour of work
    elif yes:
        raise WeftError("--yes uploads, and needs --push OWNER/NAME to say where to")
    folder = make(run, out, onnx, licence)
    print(hub.listing(folder, repository))
    if repository and yes:
        print(f"uploaded  {hub.push(folder, repository)}")
    elif repository:
        print("nothing was uploaded: this was a dry run; add --yes")
    print(f"model  {folder}\ncard   {folder / 'README.md'}")
