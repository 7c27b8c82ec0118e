"""Zero-shot classification, as CIFAR-10 is used: a table of pictures and labels, classes named by several prompts.

Each class's embedding is the mean over the prompts (Radford et al., "CLIP", ICML 2021, section 3.1.4). The primary
metric is balanced accuracy, since "accuracy" rewards a model for the commonest class.
"""

from pathlib import Path

import numpy as np

from weft.benchmarks import places, tables
from weft.benchmarks.assemble import corpus, part_of
from weft.benchmarks.record import Benchmark, Classification
from weft.errors import WeftError

PROMPTS = (
    "a photo of a {}.", "a photo of the {}.", "a blurry photo of a {}.", "a low contrast photo of a {}.",
    "a photo of a small {}.", "a photo of a big {}.",
)  # fmt: skip
IMAGES = ("image", "img")
LABELS = ("label", "category", "class", "fine_label")
IDS = ("image_id", "id", "product_id")


def read(
    place: str, known, *, cache: Path | None = None, limit: int = 0, split: str = "", image: str = "",
    label: str = "", prompts: tuple[str, ...] = PROMPTS, classes: tuple[str, ...] = (),
) -> Benchmark:  # fmt: skip
    """Reads a table.

    Args:
        split: rows whose column "split" says so, or, where there is none, files; on the hub, the split. "test" where
            none is named and there are splits.
        image, label: columns, if not among `IMAGES` and `LABELS`.
        prompts: templates with {}, separated by "," in an option. classes: "label:name as it is said" where a label
            reads badly in a prompt ("t-shirt:T-shirt"); labels are otherwise said with "_" as a space.
        limit: only the first so many pictures, named in the task.

    Raises:
        WeftError: a column is missing, a prompt has no {}, or there are fewer than two classes.
    """
    if bad := [prompt for prompt in prompts if "{}" not in prompt]:
        raise WeftError(f"prompt {bad[0]!r} has no {{}} for the class")
    labels = (label,) if label else LABELS
    table = places.one(
        place, (*IDS, *labels), (image,) if image else IMAGES, split=split, usual="test", revision=known.revision,
        cache=cache, limit=limit,
    )  # fmt: skip
    said = table.texts(*labels) or table.need(*labels)
    ids = list(map(tables.identity, table.find(*IDS) or []))
    if len(set(ids)) < len(table):  # a picture is an item whatever it is called: none is dropped for its name
        ids = [f"row-{row}" for row in range(len(table))]
    found = corpus(ids, pictures=table.need_pictures(image or IMAGES[0]), limit=limit)
    truth = found.pick(said)
    keep = [place for place, name in enumerate(truth) if name]
    names, numbers = np.unique([truth[place] for place in keep], return_inverse=True)
    if len(names) < 2:
        raise WeftError(f"{place}: {len(names)} classes among {len(truth)} pictures; is {labels[0]!r} the label?")
    spoken = dict(pair.split(":", 1) for pair in classes if ":" in pair)
    if strange := sorted(set(spoken) - set(names.tolist())):
        raise WeftError(f"{place} has no class {strange[0]!r}. Its classes are {', '.join(names.tolist())}")
    counts = dict(found.counts) | {"classes": len(names)}
    counts["pictures"] = counts.pop("corpus")
    if len(keep) < len(truth):
        counts["pictures without a label"] = len(truth) - len(keep)
    title = "class" + (f" ({len(truth):,} pictures)" if found.limited else "")
    said_as = [spoken.get(name, name.replace("_", " ")) for name in names.tolist()]
    strata = {"true class": names[numbers]}
    task = Classification(title, part_of(found.side, keep), said_as, numbers, prompts, strata=strata, counts=counts)
    return Benchmark(Path(place.removeprefix("hf:")).name, (task,))
