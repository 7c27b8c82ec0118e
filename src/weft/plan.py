"""What a training run will need, before it is started: parameters, memory, disk and hours on common cards.

Parameters are counted exactly (`weft.sizes`). The rest is arithmetic on the model's sizes, with the assumptions below
by name.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from transformers import PreTrainedConfig

from weft import trajectory
from weft.batch import learnt
from weft.catalogue.sources.count import rows
from weft.catalogue.sources.files import on_disk
from weft.catalogue.sources.spec import SourceSpec
from weft.files import read_json
from weft.options import NOTHING_TO_KEEP, Train
from weft.recipe import Recipe
from weft.sizes import config_of, count, towers
from weft.teacher import asks

GIB = 2**30


@dataclass(frozen=True)
class Card:
    """A GPU. `attained` is in FLOP/s of bf16 matrix products as training really reaches them."""

    name: str
    memory: float  # bytes
    attained: float


CARDS = (
    Card("24 GB, RTX 4090", 24.0 * GIB, 80e12),  # 48% of its 165 TFLOP/s
    Card("80 GB, H100", 79.6 * GIB, 400e12),  # 40% of 989
    Card("141 GB, H200", 140.4 * GIB, 420e12),  # 42% of 989: the same chip, faster memory
)
"""ASSUMED utilisation: large matrices, loading hidden behind computing; a first run often has half of it."""

USABLE = 0.92
"""ASSUMED share of a card's memory for tensors: the rest is the driver, the allocator's gaps, temporaries."""

LOSS_ROWS = 1024
"""Rows of the loss that are computed at once (`weft.objective.BLOCK`)."""

LOSS_COPIES = 8
"""ASSUMED float32 matrices of LOSS_ROWS x batch alive at once: logits, signs, weights, their gradients."""

DECODED = 200.0
"""ASSUMED pictures a second that one core decodes and resizes (measured: 1000x1333 JPEG to 224 px)."""

DECODERS = 8
"""ASSUMED cores that decode beside a card; the training loader takes all that the machine has but one."""

IMAGE_BYTES = 150_000
"""ASSUMED size of a shop's JPEG; a catalogue of thumbnails needs far less."""


@dataclass(frozen=True)
class Fit:
    """What one card makes of the plan."""

    card: Card
    fits: bool  # the planned micro-batch, as planned
    plain: int  # the largest micro-batch without gradient checkpointing, in products; 0: not even one
    checkpointing: int  # and with it
    products_per_hour: float
    hours: float
    bound: str  # "compute" or "loading", whichever is slower


@dataclass(frozen=True)
class Plan:
    """The estimates; memory and disk in bytes, one product being one picture and a text for each task.

    Attributes:
        parameters: exact number per tower: "image", "text", "head".
        fixed: float32 weights, their gradients, AdamW's two moments, and the bf16 copies autocast makes.
        activations: of one product; `block`: embeddings, their gradients and the loss of the whole batch, and
            its pictures, one byte a number, which all lie on the device.
        decoders: cores that decode pictures at the same time.
        flops: per product trained, recomputation included; `teacher` and `reference` of them are the frozen base's own
            passes and the reference data's.
        passes: forward passes' worth per product: 3 for forward and backward, 2 where LoRA asks no gradient of the
            matrices themselves; 1 more where micro-batches replay the forward pass, 1 more with checkpointing.
        lora: parameters of the adapters, 0 where every weight is trained.
        frozen: towers that are not trained: they go forward once, and keep nothing for a backward pass.
    """

    name: str
    parameters: Mapping[str, int]
    dim: int
    image_tokens: int
    text_tokens: int
    products: int
    batch: int
    micro_batch: int
    epochs: int
    tasks: int
    checkpointing: bool
    decoders: int
    fixed: int
    activations: int
    block: int
    passes: int
    flops: float
    teacher: float
    reference: float
    lora: int
    frozen: tuple[str, ...]
    cache_disk: int  # the frozen base's image embeddings, float32; 0 where no term asks for them or all are made live
    images_disk: int
    checkpoint_disk: int  # weights and both moments, twice: the next one is whole before it takes the last one's place
    fits: tuple[Fit, ...]

    @property
    def memory(self) -> int:
        """Bytes on the device at the planned micro-batch."""
        return self.fixed + self.block + self.micro_batch * self.activations


def plan(
    config: PreTrainedConfig,
    products: int,
    options: Train,
    tasks: int = 2,
    decoders: int = 1,
    cards: tuple[Card, ...] = CARDS,
) -> Plan:
    """Estimates a training run of every weight or of LoRA's, in bf16 autocast with AdamW.

    Args:
        config: a SigLIP, SigLIP 2 or CLIP config; see `config_of`.
        products: in the training split, one picture each.
        options: the batch and its parts, epochs, checkpointing, LoRA, frozen towers, the teacher, reference data and
            copies of the weights; nothing else of it is read. What `probe_epochs` saves is not counted.
        tasks: texts per product, 2 for short and long (`weft.batch.learnt`).
        decoders: cores that decode pictures at the same time.
    """
    batch, epochs, checkpointing = options.batch, options.epochs, options.checkpointing
    micro = min(options.micro_batch or batch, batch)
    image, text, dim = towers(config)
    sizes, parameters = {"image": image, "text": text}, count(config)
    total = sum(parameters.values())
    frozen = tuple(tower for tower in ("image", "text") if not getattr(options, f"{tower}_lr"))
    lora = options.lora_rank * sum(one.adapted() for name, one in sizes.items() if name not in frozen)
    trained = lora or sum(number for tower, number in parameters.items() if tower not in frozen)
    compared = asks(options, "pictures")
    live = compared and options.lwf_target == "live"
    copies = bool(options.l2sp or options.weave_alpha[0] < 1) + trajectory.averages(options)
    held = total if live else (total - parameters["image"]) * asks(options, "texts")  # the frozen base beside it
    graphs = [(one, tasks if name == "text" else 1) for name, one in sizes.items() if name not in frozen]
    per_product = {how: sum(times * one.activations(how) for one, times in graphs) for how in (False, True)}
    fixed = (total + lora) * (4 + 2) + trained * (4 + 8 + 4 * copies) + 4 * held
    block = batch * (2 * 4 * dim * (1 + tasks) + 4 * LOSS_COPIES * min(LOSS_ROWS, batch) + image.inputs)
    passes = (2 if lora else 3) + (micro < batch) + checkpointing
    teacher = float(live * image.flops() + asks(options, "texts") * tasks * text.flops())
    beside = options.reference_batch / batch if options.reference else 0.0  # products of it to one of the catalogue
    again = passes - (micro < batch) + (0 < options.micro_batch < options.reference_batch)

    def cost(passes: int, texts: int) -> float:
        each = {"image": image.flops(), "text": texts * text.flops()}
        return sum(one * (1 if tower in frozen else passes) for tower, one in each.items())

    reference = beside * cost(again, 1)
    flops = cost(passes, tasks) + teacher + reference
    fits = []
    for card in cards:
        room = USABLE * card.memory - fixed - block
        plain, less = (max(0, min(batch, int(room // max(1, per_product[how])))) for how in (False, True))
        rate = min(card.attained / flops, decoders * DECODED / (1 + beside))
        bound = "compute" if rate == card.attained / flops else "loading"
        fits_as_planned = micro <= (less if checkpointing else plain)
        hours = products * epochs / rate / 3600
        fits.append(Fit(card, fits_as_planned, plain, less, 3600 * rate, hours, bound))
    return Plan(
        name=config.name_or_path or config.model_type, parameters=parameters, dim=dim,
        image_tokens=image.tokens, text_tokens=text.tokens, products=products, batch=batch, micro_batch=micro,
        epochs=epochs, tasks=tasks, checkpointing=checkpointing, decoders=decoders, fixed=fixed,
        activations=per_product[checkpointing], block=block, passes=passes, flops=flops, teacher=teacher,
        reference=reference, lora=lora, frozen=frozen, cache_disk=4 * products * dim * (compared and not live),
        images_disk=IMAGE_BYTES * products,
        checkpoint_disk=2 * (4 * (total + lora) + trained * (8 + 4 * trajectory.averages(options))), fits=tuple(fits),
    )  # fmt: skip


def plan_recipe(recipe: Recipe, products: int = 0) -> str:
    """The rendered plan of a recipe. `products` is the training split's size; where it is neither given nor counted by
    a finished `weft curate`, the sources' rows are counted, or a number is assumed: then a last line says which."""
    note, products = "", products or _curated(recipe)
    if not products and (counted := _counted(recipe)):
        every, products = counted
        note = f"\n(products: {every:,} rows counted, {products:,} of them to train on if all can be used)"
    if not products:
        products = sum(source.limit for source in recipe.sources) or 200_000
        told = ", ".join(f"{source.place} {_uncounted(source)}" for source in recipe.sources if not rows(source))
        why = f", because {told}" if told else ""
        note = f"\n(products assumed: {products:,}{why}; after `weft curate` they are counted)"
    train = recipe.train
    if recipe.base.startswith("new:"):
        train = dataclasses.replace(train, **NOTHING_TO_KEEP)
    tasks = len(learnt(recipe.pairs, train))
    return render(plan(config_of(recipe.base, recipe), products, train, tasks, DECODERS)) + note


def _uncounted(source: SourceSpec) -> str:
    if source.place.startswith("hf:"):
        return "lies on the hub"
    return "has no rows" if rows(source) == 0 else "cannot be counted" if on_disk(source.place) else "is not here"


def _counted(recipe: Recipe) -> tuple[int, int] | None:
    """Rows of all sources, and how many of them curation would leave to train on; None where one cannot be counted."""
    every, learnt, curate = 0, 0.0, recipe.curate
    for source in recipe.sources:
        found = rows(source)
        if not found:
            return None
        low, high = source.keep_brands
        kept = found * source.share * (high - low)
        kept = min(kept, source.limit) if source.limit else kept
        branded = source.columns.brand or source.brand_from_title or source.place.startswith("demo:")
        part = (1 - curate.zero_shot_share * bool(branded)) * (1 - curate.dev_share - curate.test_share)
        every, learnt = every + found, learnt + (kept if source.train_only else kept * part)
    return (every, max(1, round(learnt))) if every else None


def _curated(recipe: Recipe) -> int:
    """Products in the training split, if the recipe's catalogue was curated before; else 0."""
    path = recipe.folder / "curate" / "summary.json"
    return read_json(path)["counts"]["splits"].get("train", 0) if path.exists() else 0


def render(plan: Plan) -> str:
    """The plan as text of at most 100 columns."""
    millions = {tower: number / 1e6 for tower, number in plan.parameters.items()}
    once = f", 1 of the {' and the '.join(plan.frozen)} tower" if plan.frozen else ""
    replay = "" if plan.micro_batch == plan.batch else f", in micro-batches of {plan.micro_batch:,}"
    lines = [
        f"{plan.name}: {sum(millions.values()):,.1f} M parameters "
        f"(image {millions['image']:,.1f}, text {millions['text']:,.1f})",
        *([f"the {' and the '.join(plan.frozen)} tower frozen"] if plan.frozen else []),
        *([f"LoRA trains {plan.lora / 1e6:,.1f} M parameters beside them"] if plan.lora else []),
        f"{plan.image_tokens} image and {plan.text_tokens} text tokens, {plan.dim} dimensions",
        f"{plan.products:,} products x {plan.epochs} epochs, batch {plan.batch:,}{replay}, "
        f"{plan.tasks} texts per product{', gradient checkpointing' if plan.checkpointing else ''}",
        "",
        "memory (bf16 autocast, AdamW)",
        f"  weights, gradients, moments   {_bytes(plan.fixed)}",
        f"  activations                   {_bytes(plan.micro_batch * plan.activations)}"
        f"   ({plan.activations / 2**20:,.1f} MiB a product)",
        f"  the batch: pictures and loss  {_bytes(plan.block)}",
        f"  together                      {_bytes(plan.memory)}",
        "disk",
        f"  pictures                      {_bytes(plan.images_disk)}   ({IMAGE_BYTES // 1000} kB each, assumed)",
        *([f"  the base's embeddings (LwF)   {_bytes(plan.cache_disk)}"] if plan.cache_disk else []),
        f"  checkpoints, last and next    {_bytes(plan.checkpoint_disk)}",
        "",
        f"{plan.flops / 1e12:,.4g} TFLOP a product ({plan.passes} forward passes' worth{once}){_more(plan)}; "
        "a pair is a product and one of its texts",
        "                           largest micro-batch",
        "card              fits    plain  checkpointing     pairs/hour    hours  bound by  TFLOP/s (assumed)",
    ]
    for fit in plan.fits:
        lines.append(
            f"{fit.card.name:<18}{'yes' if fit.fits else 'no':<4}{fit.plain:>9,}{fit.checkpointing:>15,}"
            f"{fit.products_per_hour * plan.tasks:>15,.0f}{fit.hours:>9.2f}  {fit.bound:<8}"
            f"{fit.card.attained / 1e12:>19.0f}"
        )
    lines.append(
        f"hours are training's alone, on one card, with {plan.decoders} core{'s' * (plan.decoders > 1)} decoding "
        f"{DECODED:.0f} pictures a second each (assumed)"
    )
    return "\n".join(lines)


def _more(plan: Plan) -> str:
    """What of a product's operations is not the student's on the catalogue."""
    parts = (("the frozen base's", plan.teacher), ("for reference data", plan.reference))
    told = [f"{100 * cost / plan.flops:.0f}% of it {name}" for name, cost in parts if cost]
    return f", {', '.join(told)}" if told else ""


def _bytes(number: int) -> str:
    return f"{number / GIB:>9,.2f} GiB" if number >= GIB else f"{number / 2**20:>9,.1f} MiB"
