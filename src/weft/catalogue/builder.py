"""Gathers one collection: products and pictures from open sources, groups, splits and questions; and writes it."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from weft.catalogue import duplicates
from weft.catalogue.collection import image_reader
from weft.catalogue.layout import LOOKS, PRODUCTS, ImageWriter, product_row, write_lines, write_table
from weft.catalogue.look import Look, Seen
from weft.catalogue.quality import Fit, Sieve
from weft.catalogue.questions import Questions
from weft.catalogue.sources import Source
from weft.catalogue.sources.rows import item_name
from weft.catalogue.sources.spec import SourceSpec
from weft.catalogue.splits import Splits, connected, split
from weft.catalogue.words import Words
from weft.engine import beside
from weft.errors import WeftError
from weft.files import write_json
from weft.progress import progress, say
from weft.recipe import Curate
from weft.schema import Product, Skipped

PRODUCTS_EACH = 32
"""Products whose pictures one worker looks at at once, where there are several."""

MANY = 0.05
"""Share of the products above which a family, or what is dropped, is worth a line."""

KeepOut = Callable[[Sequence[Product], np.ndarray, Sequence[str], Callable[[int], bytes], np.ndarray | None], list]
"""Products, (images,) their rows, SHA-256 of the images, a reader of them and, with near-duplicates, (images, 32) how
they look -> `weft.leaks.Leak`s."""


class Builder:
    """Gathers one collection: the pictures go to disk at once, the rest is small enough to keep."""

    def __init__(self, name: str, folder: Path, settings: Curate, seed: int):
        self.name, self.folder, self.settings, self.seed = name, folder, settings, seed
        self.rows = self.left_out = self.lost = 0
        self.products: list[Product] = []
        self.image_rows: list[list[int]] = []
        self.skipped: list[Skipped] = []
        self.train_only: list[bool] = []
        self.signatures = bytearray(), bytearray()  # hashes and thumbnails, one picture's after the other's
        self.owner: list[int] = []
        self.leaks: list = []
        self.images = ImageWriter(folder)
        self.sieve = Sieve(settings.quality, settings.language)
        self.look = Look(tuple(settings.quality), settings.near_duplicates)
        self.places: list[str] = []
        self.words = Words()
        self._ids: set[str] = set()

    def read(self, source: SourceSpec, items: Source, needs_category: bool = False) -> None:
        """Takes every product of one open source; what cannot be used is listed with its reason."""
        before = len(self.products)

        def unfit(item: Product) -> str:
            lacks = "no category" if needs_category and not item.category else ""
            return "duplicate id" if item.id in self._ids else lacks

        def pictures(item: Product | Skipped) -> tuple[bytes, ...]:
            return () if isinstance(item, Skipped) or unfit(item) else item.images

        seen = beside(self.look, items, pictures, each=PRODUCTS_EACH)
        for item, found in progress(seen, f"reading {source.place}", unit="product"):
            if isinstance(item, Skipped):
                self.skipped.append(item)
            elif reason := unfit(item):
                self._lose(source.place, item, reason)
            else:
                self._add(item, found)
                self.train_only.append(source.train_only)
                self.places.append(source.place)
        counts = items.counts
        self.rows += counts.rows
        self.left_out += counts.left_out
        self.lost += counts.skipped
        if len(self.products) == before:
            raise WeftError(f"{source.place} gives no product: {counts.why(self.skipped)}")

    def _lose(self, place: str, product: Product, reason: str) -> None:
        if self.settings.strict:
            raise WeftError(f"{place}: {product.id}: {reason} (the recipe says strict = true)")
        self.lost += 1
        self.skipped.append(Skipped(place, item_name(product.id), reason))

    def _add(self, product: Product, seen: list[Seen]) -> None:
        row = len(self.products)
        self._ids.add(product.id)
        rows = []
        for number, (data, one) in enumerate(zip(product.images, seen, strict=True)):
            rows.append(self.images.add(f"{product.id}/{number}", data, one.sha256))
            self.owner.append(row)
            if one.fault:
                self.sieve.pictures[rows[-1]] = one.fault
            if one.signature:
                for kept, part in zip(self.signatures, one.signature, strict=True):
                    kept += part.tobytes()
        self.image_rows.append(rows)
        self.products.append(self.words.bare(product))

    def divide(self, by_title: bool = True) -> None:
        """Groups duplicates and assigns splits. Products whose pictures are duplicates share a group."""
        self.images.close()
        look = self._sifted(self._same_pictures())
        # A product of several pictures may join two groups: sharing any picture is being the same thing.
        links = ((self.owner[image], self.owner[int(first)]) for image, first in look.items())
        self.group = connected(len(self.products), links)
        named = self.products if by_title else [dataclasses.replace(p, title="") for p in self.products]
        found = split(named, self.group, self.settings, self.seed, np.asarray(self.train_only, dtype=bool))
        self.splits: Splits = dataclasses.replace(found, split=found.split.astype("U9"))  # "dropped" must fit

    def _sifted(self, look: np.ndarray) -> dict[int, int]:
        """Leaves out the pictures that show no product, and skips the products that have no other; the rows of those
        that are left -> the first of them that looks the same. In `images.arrow` all of them stay."""
        self.sieve.compare(self.products, np.asarray(self.owner), look)
        bad, kept = self.sieve.pictures, []
        for row, (product, place) in enumerate(zip(self.products, self.places, strict=True)):
            own = self.image_rows[row]
            self.image_rows[row] = self.sieve.good(item_name(product.id), own)
            if self.image_rows[row]:
                kept.append(row)
                self.skipped += [Skipped(place, self.sieve.items[one], bad[one][1]) for one in own if one in bad]
            else:
                self._lose(place, product, self.sieve.skip(own))
        for name in ("products", "places", "image_rows", "train_only"):
            setattr(self, name, [getattr(self, name)[row] for row in kept])
        shows = {image: row for row, images in enumerate(self.image_rows) for image in images}
        self.owner = [shows.get(image, -1) for image in range(len(self.owner))]
        first: dict[int, int] = {}
        return {image: first.setdefault(int(look[image]), image) for image in shows}

    def guard(self, keep_out: KeepOut) -> None:
        """Takes what leaks, and whatever shares a picture with it, out of training; it stays in the gallery."""
        image, owner = image_reader(self.folder), np.asarray(self.owner)
        shown = np.flatnonzero(owner >= 0)
        hashes = [self.images.hashes[row] for row in shown]
        looks = None
        if self.signatures[0]:
            looks = np.frombuffer(self.signatures[0], np.uint8).reshape(self.images.count, -1)[shown]
        self.leaks = keep_out(self.products, owner[shown], hashes, lambda place: image(shown[place]), looks)
        why = {leak.row: leak.reason for leak in self.leaks}
        through = {int(self.group[row]): reason for row, reason in why.items()}
        for row in np.flatnonzero(self.splits.split == "train"):
            reason = why.get(int(row)) or through.get(int(self.group[row]))
            if reason:
                self.splits.split[row] = "dropped"
                self.splits.dropped.append((int(row), reason))

    def judge(self, fit: Fit | None) -> None:
        """Takes products whose words cannot be trusted, or that are listed twice, out of training."""

        def fits(rows: np.ndarray) -> np.ndarray:
            some = [[own[row] for row in rows] for own in (self.products, self.image_rows)]
            return fit(*some, self.images.hashes, image_reader(self.folder))

        rows = np.flatnonzero(self.splits.split == "train")
        self.sieve.judge(self.products, self.group, rows, fits if fit else None)
        for row, _, reason in self.sieve.dropped:
            self.splits.split[row] = "dropped"
            self.splits.dropped.append((row, reason))

    def _same_pictures(self) -> np.ndarray:
        """(images,) the first picture that each one duplicates, itself if none."""
        if not self.settings.near_duplicates:
            first: dict[str, int] = {}
            return np.asarray([first.setdefault(name, row) for row, name in enumerate(self.images.hashes)])
        hashes, thumbs = (np.frombuffer(part, np.uint8).reshape(self.images.count, -1) for part in self.signatures)
        np.save(self.folder / LOOKS, hashes)
        return duplicates.group(hashes, thumbs, self.images.hashes).group

    def questions(self) -> Questions:
        return Questions(self.products, self.group, self.splits.split, self.settings, self.seed)

    def write(self, questions: Questions) -> None:
        """Writes the tables, the lists of what was left out, and the summary for the report."""
        group, names = self.group, self.splits.split
        rows = (
            product_row(product, self.image_rows[row], str(names[row]), int(group[row]))
            for row, product in enumerate(self.products)
        )
        write_table(self.folder / "products.parquet", rows, PRODUCTS)
        questions.write(self.folder)
        if questions.training:
            write_lines(self.folder / "log.jsonl", questions.training)
        skipped = [dataclasses.asdict(item) for item in (*self.skipped, *questions.skipped)]
        write_lines(self.folder / "skipped.jsonl", skipped)
        dropped = [{"product_id": self.products[row].id, "reason": why} for row, why in self.splits.dropped]
        write_lines(self.folder / "dropped.jsonl", dropped)
        summary = self._summary(skipped, dropped, questions)
        write_json(self.folder / "summary.json", summary)
        counts = summary["counts"]
        shares = ", ".join(f"{count} {name}" for name, count in counts["splits"].items())
        say(
            f"  {self.name}: {counts['rows']} rows = {counts['kept']} kept + {counts['skipped']} skipped"
            f" + {counts['left_out']} not asked for; {shares}"
        )
        self._tell_large()
        if skipped:
            say(f"  the first skip is {skipped[0]['item']}: {skipped[0]['reason']}; skipped.jsonl has all")
        self._tell(summary["queries"], questions)

    def _tell_large(self) -> None:
        """What divides a catalogue badly: one family that swallows much of it, or much that is dropped."""
        count, many = len(self.products), max(MANY * len(self.products), 10)
        family, size = Counter(self.splits.family.tolist()).most_common(1)[0] if count else (0, 0)
        if size > many:
            some = [self.products[row].id for row in np.flatnonzero(self.splits.family == family)[:3]]
            say(
                f"  {size} of {count} products are one family ({', '.join(some)} ...), which no split cuts: they share "
                "a `variant`, a title or a picture; is that true of them?"
            )
        dropped = self.splits.dropped
        if len(dropped) > many:
            name, why = self.products[dropped[0][0]].id, dropped[0][1]
            say(f"  {len(dropped)} of {count} products are dropped, {name} for instance: {why}; dropped.jsonl has all")

    def _tell(self, asked: dict[str, int], questions: Questions) -> None:
        """How many queries there are, one of them, and what cannot be done without more."""
        if asked:
            say(f"  queries: {', '.join(f'{count} {name}' for name, count in asked.items())}")
            say(f"  for instance {questions.queries[0]['text'][:120]!r}")
        for part, use in (("dev", "no alpha can be chosen"), ("test", "there will be no verdict")):
            if asked and not any(name.endswith(f" {part}") for name in asked):
                say(f"  there is no {part} query, so {use}: raise curate.{part}_share, or add products")

    def _summary(self, skipped: list[dict], dropped: list[dict], questions: Questions) -> dict:
        sizes = Counter(self.group.tolist())
        large = [row for row, size in sizes.most_common(12) if size > 1]
        return {
            "counts": {
                "rows": self.rows,
                "left_out": self.left_out,
                "in": self.rows - self.left_out,
                "kept": len(self.products),
                "skipped": self.lost,
                "splits": dict(sorted(Counter(self.splits.split.tolist()).items())),
                "dropped": len(dropped),
                "images": self.images.count,
            },
            "skipped": skipped[:100],
            "skipped_reasons": dict(Counter(s["reason"] for s in skipped).most_common(20)),
            "dropped": dropped[:100],
            "leaks": _counted(self.leaks),
            "quality": self.sieve.summary(self.products, self.image_rows, self.images.hashes),
            "duplicates": {
                "groups": sum(size > 1 for size in sizes.values()),
                "products": sum(size for size in sizes.values() if size > 1),
                "largest": max(sizes.values(), default=0),
                "largest_family": max(Counter(self.splits.family.tolist()).values(), default=0),
                "examples": [
                    [f"{self.products[row].id}/0" for row in np.flatnonzero(self.group == first)[:6]] for first in large
                ],
            },
            "queries": dict(Counter(f"{q['task']} {q['split']}" for q in questions.queries)),
            "words": questions.lengths(),
        }


def _counted(leaks: list) -> dict[str, dict[str, int]]:
    """Benchmark -> how it was seen -> products."""
    found: dict[str, Counter] = {}
    for leak in leaks:
        found.setdefault(leak.benchmark, Counter())[leak.how] += 1
    return {name: dict(counts) for name, counts in found.items()}
