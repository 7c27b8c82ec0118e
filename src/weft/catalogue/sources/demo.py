"""The catalogue that Weft draws itself, as a source: `demo:...`."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from weft.catalogue.sources.rows import Counts
from weft.catalogue.sources.spec import SourceSpec
from weft.catalogue.sources.text import brand_share
from weft.errors import WeftError
from weft.schema import Product

if TYPE_CHECKING:
    from weft.demo.world import Garment


def products(spec: SourceSpec, counts: Counts) -> Iterator[Product]:
    """The demo's products; `keep_brands`, `share`, `limit` and `id_prefix` apply, columns do not.

    Raises:
        WeftError: the address is not understood, or the spec filters by columns, which the demo has not.
    """
    from weft.demo import source

    if spec.where:
        raise WeftError(f"{spec.place}: `where` names columns, and the demo has none")
    low, high = spec.keep_brands

    def keep(garment: "Garment") -> bool:
        counts.rows += 1
        wanted = low <= brand_share(garment.words["brand"]) < high and brand_share(garment.id) < spec.share
        counts.left_out += not wanted
        return wanted

    return _kept(spec, source.products(**source.parse(spec.place), keep=keep), counts)


def _kept(spec: SourceSpec, drawn: Iterator[Product], counts: Counts) -> Iterator[Product]:
    for product in drawn:
        counts.products += 1
        yield dataclasses.replace(product, id=spec.id_prefix + product.id) if spec.id_prefix else product
        if spec.limit and counts.products >= spec.limit:
            return
