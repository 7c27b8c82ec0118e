"""What curated collections ask for, their dev and test products, and who would be trained on it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.progress import say
from weft.schema import Product
from weft.seen import NO_LOOKS, alike, looks_of


class Held:
    """The pictures of a collection's dev and test products, by file and by look, for `weft.leaks.find`.

    It costs a hash a picture where `weft.leaks.Known` costs hundreds of views of it, so it finds no copy that was
    cropped, and no words.

    Args:
        name: how reasons call it.
        cache: where hashes are kept that the collection has not got.
    """

    def __init__(self, name: str, collection: Collection, cache: Path | None = None):
        self.name = name
        images = [
            (collection.products[row].id, image) for row in rows(collection) for image in collection.image_rows[row]
        ]
        self.ids = [name for name, _ in images]
        self.files = {collection.image_hashes[image]: name for name, image in images}
        self.known = looks_of(collection, cache)[[image for _, image in images]] if images else NO_LOOKS

    def signs(
        self, products: Sequence[Product], owner: np.ndarray, hashes: Sequence[str], image: Callable, looks: np.ndarray
    ):
        """Yields (row, how, the collection's id); see `weft.leaks.Known.signs`."""
        for picture, digest in enumerate(hashes):
            if digest in self.files:
                yield int(owner[picture]), "file", self.files[digest]
        found = alike(looks, self.known)
        for picture in np.flatnonzero(found >= 0):
            yield int(owner[picture]), "picture", self.ids[found[picture]]


def rows(collection: Collection) -> np.ndarray:
    """Of the products that are asked for: neither trained on nor dropped."""
    return np.flatnonzero(~np.isin(collection.split, ("train", "dropped")))


def asked_for(collections: Iterable[Collection], ids: bool = False) -> set[str]:
    """The SHA-256 of all pictures that are asked for, and the products' ids, too."""
    return {
        name
        for one in collections
        for row in rows(one)
        for name in (*_files(one, row), *([one.products[row].id] if ids else []))
    }


def trained_of(collection: Collection, asked: set[str]) -> list[str]:
    """The ids of products in the train split that are among `asked`, by id or by a picture's file."""
    return [
        collection.products[row].id
        for row in np.flatnonzero(collection.split == "train")
        if not asked.isdisjoint([collection.products[row].id, *_files(collection, row)])
    ]


def trained_on(catalogue: Collection, asked: Collection) -> tuple[int, int]:
    """Of the products that `asked` asks for how many show what the catalogue's train split shows: the same file or,
    where both collections were looked at, one that looks the same; and how many there are."""
    trained, own = np.flatnonzero(catalogue.split == "train"), rows(asked)
    files = {name for row in trained for name in _files(catalogue, row)}
    found = {int(row) for row in own if not files.isdisjoint(_files(asked, row))}
    if catalogue.looks is not None and asked.looks is not None and len(trained) and len(own):
        images, learnt = (
            np.concatenate([one.image_rows[row] for row in some]) for one, some in ((asked, own), (catalogue, trained))
        )
        same = images[alike(asked.looks[images], catalogue.looks[learnt]) >= 0]
        found |= set(asked.product_of_image[same].tolist())
    return len(found), len(own)


def tell(curated: Path, benchmarks: Mapping[str, Path]) -> None:
    """Says how much of each benchmark the catalogue trains on; nothing is left out for it."""
    folders = {name: folder for name, folder in benchmarks.items() if (folder / "products.parquet").exists()}
    catalogue = Collection(curated) if folders else None
    for name, folder in folders.items():
        found, count = trained_on(catalogue, Collection(folder))
        if found:
            say(
                f"  {found} of {count} products of benchmark {name!r} are in the train split too, so its scores are "
                "not all of what training never saw; `curate.keep_out` keeps products out"
            )


def learnable(folder: Path, asked: Iterable[Collection]) -> Collection:
    """A curate folder to learn from that was divided for queries of its own: without what is asked for here.

    Raises:
        WeftError: that is all of it.
    """
    general = Collection(folder)
    leaked = trained_of(general, asked_for(asked))
    if leaked:
        gone = np.isin([product.id for product in general.products], leaked) & (general.split == "train")
        general.split = np.where(gone, "dropped", general.split)
        say(
            f"  {folder}: {len(leaked)} products are left out, dev or test queries of this run ask for their pictures "
            f"({', '.join(leaked[:3])})"
        )
    if not (general.split == "train").any():
        raise WeftError(f"train.reference = {str(folder)!r}: all that it would have learnt is asked for by this run")
    return general


def _files(collection: Collection, row: int) -> list[str]:
    return [collection.image_hashes[image] for image in collection.image_rows[row]]
