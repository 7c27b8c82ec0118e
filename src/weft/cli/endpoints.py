"""Options of the verbs that ask a language model: where it is, how fast, at what price."""

from typing import Annotated

import typer

Concurrency = Annotated[int, typer.Option(help="Requests in flight at once.")]
Requests = Annotated[float, typer.Option(help="At most so many a minute; 0: no limit.")]
Tokens = Annotated[float, typer.Option(help="At most so many a minute; 0: no limit.")]
Timeout = Annotated[float, typer.Option(help="Seconds for one answer.")]
PriceIn = Annotated[float, typer.Option(help="For a million tokens read.")]
PriceOut = Annotated[float, typer.Option(help="For a million tokens written.")]
Budget = Annotated[float, typer.Option(help="Stop before more than this is spent; 0: no limit.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Print requests, tokens and price; send nothing.")]
KeyVariable = Annotated[str, typer.Option(help="The environment variable that holds the key.")]
Body = Annotated[str, typer.Option(help="More fields of every request, as JSON; null leaves a field out.")]
