"""Builds an index and keeps it up to date: only pictures never seen are embedded; readers see whole versions."""

import contextlib
import datetime
import fcntl
import itertools
import json
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Collection as Names
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from weft.artefact import versions
from weft.catalogue.images import fingerprint
from weft.catalogue.layout import write_table
from weft.embed import Embedder
from weft.encoders import load
from weft.encoders.source import split_name
from weft.errors import WeftError
from weft.files import disk_error, read_json, write_json, write_whole
from weft.index import folder as files
from weft.index.folder import CURRENT, Index, open_index
from weft.index.gallery import EXAMPLES, examples, read_gallery
from weft.index.kept import Kept
from weft.index.qdrant import keep
from weft.index.version import Version, content, thumbnail
from weft.progress import progress, say
from weft.schema import Product, Skipped

FORMAT = 1
COLLECTION = "collection"
"""The file with the name by which a server knows this folder: of folders that are called alike each has its own."""
OURS = re.compile(rf"v\d{{6,}}|lock|pending|{COLLECTION}.*|{re.escape(CURRENT)}.*")
"""What may lie in an index's folder."""
CHUNK = 256
"""Pictures that are embedded before they are written down: what a kill can cost."""


@dataclass(frozen=True)
class Built:
    """What became of a gallery. `embedded` counts pictures; the others, products."""

    products: int
    pictures: int
    new: int
    changed: int
    removed: int
    unchanged: int
    skipped: int
    embedded: int

    def __str__(self) -> str:
        return (
            f"{self.products} products, {self.pictures} pictures: {self.new} new, {self.changed} changed, "
            f"{self.removed} removed, {self.unchanged} unchanged; {self.skipped} rows or pictures skipped; "
            f"{self.embedded} pictures embedded"
        )


def build(
    model: str,
    source: str,
    out: Path,
    columns: Sequence[str] = (),
    pictures: str = "",
    half: bool = False,
    batch: int = 64,
    side: int = 320,
    remote_code: Names[str] = (),
    changes: Sequence[str] = (),
    again: bool = False,
    address: str | None = None,
) -> Built:
    """Embeds a gallery into `out`, or brings `out` up to date with it, and the server in which it is searched as well.

    Args:
        model: as `weft.encoders.load` takes it; "LABEL=MODEL" says what pages call it.
        source, columns, pictures, changes: see `weft.index.gallery.read_gallery`.
        half: keep vectors as float16, in half the room.
        batch: pictures a forward pass.
        side: pixels of a thumbnail's longer side.
        again: where `out` holds another model's vectors, make all of them anew instead of refusing.
        address: of the Qdrant server in which it is searched from now on; None: the one where it was, if any; "": none,
            the folder itself is searched.

    Raises:
        WeftError: the model has no fingerprint, `out` holds another model's vectors or is being written by another
            process, the gallery is empty or unreadable, the disk is full, or the server cannot be reached.
    """
    label, place = split_name(model)
    encoder = load(place, remote_code=remote_code)
    mark = encoder.fingerprint()
    if not mark:
        raise WeftError(f"{place} has no fingerprint, so an index could mix it up with another model; give it one")
    dtype = np.dtype(np.float16 if half else np.float32)
    with _alone(out):
        old = open_index(out) if (out / CURRENT).exists() else None
        if old is not None and old.fingerprint != mark and not again:
            raise WeftError(
                f"{out} holds vectors of {old.label} ({old.manifest['model']}, fingerprint {old.fingerprint[:12]}), "
                f"and {place} is another model ({mark[:12]}); vectors of two models are never mixed: "
                f"choose another --out, or delete {out} and index again"
            )
        same = old is not None and (old.fingerprint, old.vectors.dtype) == (mark, dtype)
        kept = Kept(out, f"{mark[:16]}-{dtype.name}", old if same else None)
        if kept.resumed:
            say(f"  going on: {kept.resumed} pictures were embedded before the last run ended")
        embedder = Embedder(encoder, batch=batch)
        made = _Made(out, kept, embedder, dtype, side)
        items = read_gallery(source, columns, pictures, changes)
        for item in progress(items, f"indexing {source}", unit="product"):
            made.take(item)
        told = {
            "format": FORMAT, "label": label or _called(place, encoder.name), "model": _where(place),
            "fingerprint": mark, "dtype": dtype.name, "side": side, "source": source,
            "created": datetime.datetime.now().astimezone().isoformat(),
        }  # fmt: skip
        if address is None and old is not None:  # where it is searched is the owner's choice, not a version's
            address = old.manifest.get("store", {}).get("address")
        if address:
            told["store"] = {"address": address, "name": _collection(out)}
        return made.finish(source, old, told)


class _Made:
    """The next version as it grows; products wait until a chunk of pictures is full."""

    def __init__(self, out: Path, kept: Kept, embedder: Embedder, dtype: np.dtype, side: int):
        self.out, self.kept, self.embedder, self.dtype, self.side = out, kept, embedder, dtype, side
        self.number = max((int(path.name[1:]) for path in out.glob("v*") if path.name[1:].isdigit()), default=0) + 1
        self.folder = out / f"v{self.number:06d}"
        self.version: Version | None = None
        self.waiting: list[Product] = []
        self.sample: list[Product] = []
        self.skipped: list[Skipped] = []
        self.hashes: dict[str, str] = {}
        self.embedded = self.dim = 0

    def take(self, item: Product | Skipped) -> None:
        if isinstance(item, Skipped):
            self.skipped.append(item)
            return
        self.waiting.append(item)
        if sum(len(product.images) for product in self.waiting) >= CHUNK:
            self._write()

    def _write(self) -> None:
        products, self.waiting = self.waiting, []
        hashes = [[fingerprint(data) for data in product.images] for product in products]
        data = dict(zip(itertools.chain(*hashes), itertools.chain(*(p.images for p in products)), strict=True))
        missing = [sha for sha in data if sha not in self.kept]
        if missing:
            vectors = self.embedder.images(_Bytes(missing, data), range(len(missing))).astype(self.dtype)
            self.kept.add(missing, vectors)
            self.embedded += len(missing)
        order = list(itertools.chain(*hashes))
        vectors = self.kept.vectors(order)
        if self.version is None:
            self.dim = vectors.shape[1]
            self.folder.mkdir()
            self.version = Version(self.folder, self.dim, self.dtype)
        self.version.add(products, hashes, vectors, [self._small(sha, data[sha]) for sha in order])
        self.hashes |= {p.id: content(p, own) for p, own in zip(products, hashes, strict=True)}
        self.sample += [p for p in products if p.attributes][: EXAMPLES - len(self.sample)]

    def _small(self, sha: str, data: bytes) -> bytes:
        return self.kept.thumbnail(sha, self.side) or thumbnail(data, self.side)

    def finish(self, source: str, old: Index | None, told: dict) -> Built:
        if self.waiting:
            self._write()
        if self.version is None:
            most = Counter(item.reason for item in self.skipped).most_common(1)
            raise WeftError(f"{source} gives no product{': ' + most[0][0] if most else ''}; nothing was changed")
        self.version.close()
        built = self._counts(old)
        shown = [asdict(one) for one in examples(source, self.sample) if one.product_id in self.hashes]
        write_table(self.folder / "examples.parquet", shown, files.EXAMPLES)
        lines = [json.dumps(asdict(item), ensure_ascii=False) for item in self.skipped]
        write_whole(self.folder / "skipped.jsonl", "".join(line + "\n" for line in lines))
        told |= {"dim": self.dim, "counts": asdict(built), "versions": versions()}
        write_json(self.folder / "manifest.json", told)
        keep(Index(self.folder))  # before the version counts: a service that takes it searches there at once
        write_json(self.out / CURRENT, {"version": self.folder.name})
        self.kept.forget()
        for path in self.out.glob("v*"):  # a server that has one open keeps it: its files live until it closes them
            if path.name != self.folder.name:
                shutil.rmtree(path, ignore_errors=True)
        return built

    def _counts(self, old: Index | None) -> Built:
        before: dict[str, str] = {}
        if old is not None:
            table = pq.read_table(old.folder / "products.parquet", columns=["product_id", "hash"]).to_pydict()
            before = dict(zip(table["product_id"], table["hash"], strict=True))
        same = sum(before.get(name) == key for name, key in self.hashes.items())
        new = sum(name not in before for name in self.hashes)
        return Built(
            products=self.version.products,
            pictures=self.version.images,
            new=new,
            changed=len(self.hashes) - new - same,
            removed=sum(name not in self.hashes for name in before),
            unchanged=same,
            skipped=len(self.skipped),
            embedded=self.embedded,
        )


class _Bytes:
    """Pictures in memory, as `Embedder.images` wants them."""

    identity = ""

    def __init__(self, hashes: list[str], data: dict[str, bytes]):
        self.image_hashes, self.data = hashes, data

    @property
    def image_count(self) -> int:
        return len(self.image_hashes)

    def image(self, row: int) -> bytes:
        return self.data[self.image_hashes[row]]


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Nobody else writes `out` meanwhile. Raises `WeftError` if somebody does; a killed process holds no lock."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        known = any((out / name).exists() for name in ("lock", CURRENT))  # else nothing in it is ours
        if strange := [p.name for p in out.iterdir() if not (known and OURS.fullmatch(p.name))]:
            raise WeftError(f"{out} holds other things ({', '.join(sorted(strange)[:3])}); choose a folder of its own")
        handle = (out / "lock").open("w")
    except OSError as error:
        raise disk_error(error, out) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WeftError(f"another process is writing {out}; wait for it to end") from None
        current = read_json(out / CURRENT)["version"] if (out / CURRENT).exists() else ""
        for path in out.glob("v*"):  # what a killed run left unfinished; `OURS`, or we would not be here
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)
        yield


def _collection(out: Path) -> str:
    """The folder's name and eight hex digits, kept beside the versions: a run that was killed goes on with them."""
    path = out / COLLECTION
    if not path.exists():
        write_whole(path, f"{out.resolve().name}-{secrets.token_hex(4)}\n")
    return path.read_text(encoding="utf-8").strip()


def _called(place: str, name: str) -> str:
    """A pipeline's models all lie in folders called "model": the stage that made it says more."""
    return Path(place).resolve().parent.name if name == "model" and Path(place).is_dir() else name


def _where(place: str) -> str:
    """A local model by its whole path, so that the index can be served from anywhere."""
    return str(Path(place).resolve()) if Path(place).is_dir() and place != "demo" else place
