"""What curation sees of each picture by itself, whoever looks: this process or a worker of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weft.catalogue.duplicates import Signature, describe
from weft.catalogue.images import decode, fingerprint
from weft.catalogue.quality import PICTURES, fault


class Seen(NamedTuple):
    """sha256: of the encoded bytes; fault: (rule, reason) to leave the picture out, or None; signature: None where
    nobody asked."""

    sha256: str
    fault: tuple[str, str] | None
    signature: Signature | None


@dataclass(frozen=True)
class Look:
    """A product's pictures -> what is seen of each. Pure, so that it may be done anywhere and twice.

    Attributes:
        rules: of `curate.quality`; signatures: whether near-duplicates are looked for.
    """

    rules: tuple[str, ...]
    signatures: bool

    def __call__(self, images: Sequence[bytes]) -> list[Seen]:
        return list(map(self._one, images))

    def _one(self, data: bytes) -> Seen:
        found, signature = None, None
        if self.signatures or any(rule in PICTURES for rule in self.rules):
            picture = decode(data, verified=True)
            found = fault(self.rules, picture)
            signature = describe(picture) if self.signatures else None
        return Seen(fingerprint(data), found, signature)
