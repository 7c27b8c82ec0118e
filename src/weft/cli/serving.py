"""Verbs that put an encoder to work: index a gallery, serve it."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import Set, app
from weft.cli.engines import engine_options
from weft.errors import WeftError


@app.command()
@engine_options("--ray-address")
def index(
    model: Annotated[
        str, typer.Argument(help="A folder, short name or hub id; `LABEL=MODEL` says what pages call it.")
    ],
    source: Annotated[
        str,
        typer.Argument(help="A `curate` folder, a recipe, a Parquet, CSV or JSON Lines table, `demo:`, or pictures."),
    ],
    out: Annotated[Path, typer.Option(help="The index's own folder; run again, it is brought up to date.")],
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=COLUMN", help="Of a table: id=sku, image=photo, title=name ...; else an attribute."),
    ] = None,
    pictures: Annotated[str, typer.Option(help="Of a table: the folder its image paths are relative to.")] = "",
    float16: Annotated[bool, typer.Option("--float16", help="Keep vectors in half the room.")] = False,
    thumbnail: Annotated[int, typer.Option(min=32, max=2048, help="Longer side of the page's pictures.")] = 320,
    batch: Annotated[int, typer.Option(min=1, help="Pictures embedded at once; changes speed and memory only.")] = 64,
    store: Annotated[
        str, typer.Option(metavar="folder|qdrant", help="Where vectors are searched; by default where they were.")
    ] = "",
    address: Annotated[str, typer.Option(help="Of Qdrant: http://HOST:6333; QDRANT_API_KEY is its key.")] = "",
    export: Annotated[
        Path | None, typer.Option(help="Write a plain Parquet file (id, vector, attributes) as well.")
    ] = None,
    remote_code: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="A model that may run code from its own repository.")
    ] = None,
    set_: Set = None,
) -> None:
    """Embed a gallery into a folder that is searched exactly, with filters, products not pictures.

    Only new and changed pictures are embedded, what is gone is dropped, and a killed run goes on where it was; until
    it is done the last whole version serves. A folder holds one model's vectors and refuses another's.
    """
    from weft.index import build, open_index
    from weft.index import export as exported

    if (store == "qdrant") != bool(address) or store not in ("", "folder", "qdrant"):
        raise WeftError("--store is folder, or qdrant together with --address http://HOST:6333")
    built = build(
        model, source, out, column or (), pictures, float16, batch, thumbnail, remote_code or (), set_ or (),
        address=address if store else None,
    )  # fmt: skip
    print(built)
    if export:
        print(f"export  {exported(open_index(out), export)} rows in {export}")
    print(f"index   {out}\nserve   weft serve {out}")


@app.command()
def serve(
    index: Annotated[
        Path, typer.Argument(help="A folder that `weft index` made, or a finished run, which is indexed first.")
    ],
    compare: Annotated[
        Path | None, typer.Option(help="Another model's index of the same gallery, to be shown beside.")
    ] = None,
    model: Annotated[str, typer.Option(help="Where the index's model lies, if it was moved.")] = "",
    host: Annotated[str, typer.Option(help="0.0.0.0 lets others in: set WEFT_KEYS first.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    max_batch: Annotated[int, typer.Option(min=1, help="Texts or pictures of one forward pass.")] = 32,
    max_wait: Annotated[float, typer.Option(min=0, max=60_000, help="Milliseconds the first of a batch waits.")] = 3.0,
    queue: Annotated[int, typer.Option(min=64, help="Texts and pictures that may wait; more are refused (429).")] = 256,
    approximate: Annotated[bool, typer.Option("--approximate", help="Let Qdrant walk its graph.")] = False,
    address: Annotated[
        str, typer.Option(help="The Qdrant server that may be sent QDRANT_API_KEY, if on another machine.")
    ] = "",
    remote_code: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="A model that may run code from its own repository.")
    ] = None,
) -> None:
    """Answer embeddings, similarity and search over HTTP, and show a search page at `/`.

    Prints the address. SIGTERM or Ctrl-C lets running requests finish. WEFT_KEYS=KEY1,KEY2 asks every caller for a key.
    """
    from weft.serve import serve as run

    run(
        index, compare, host, port, model=model, remote_code=tuple(remote_code or ()), exact=not approximate,
        address=address, max_batch=max_batch, max_wait=max_wait / 1000, room=queue,
    )  # fmt: skip
