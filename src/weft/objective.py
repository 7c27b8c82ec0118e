"""The loss of a whole batch's embeddings: which terms there are, what each weighs, and their gradient by blocks.

    L = a_short L_short + a_long L_long            pairs (sigmoid or softmax GCL)
      + a_lwf mean(1 - cos(f, f_base))             pictures stay where the base had them
      + a_text mean(1 - cos(g, g_base))            so do queries
      + a_sim mean KL(base's || student's)         similarities between them do
      + a_vic VICReg(f, g)                         and no direction of the space is given up

Every term is a function of `weft.losses` and a line here. Terms of the weights themselves: `weft.trajectory`.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from weft import processes
from weft.batch import Batch
from weft.encoders.base import Encoder
from weft.losses import lwf_rows, positive_weights, sigmoid_rows, similarity_rows, softmax_rows, vicreg
from weft.options import Train

BLOCK = 1024
"""Rows of the logit matrix held at once: 1024 x 32k fp32 logits are 128 MB, whatever the batch."""

ALIKE = 0.9999
"""Cosine of two texts' base embeddings from which on they say the same."""

Parts = dict[str, Tensor]
"""The value of each term, unweighted, and "loss", their weighted sum: of this process's rows."""


class Sum:
    """Adds up terms: each is sent backwards as it comes, so that one block of one term is held at a time."""

    def __init__(self, device: torch.device):
        self.parts: Parts = {"loss": torch.zeros((), device=device)}

    def add(self, name: str, weight: float, value: Tensor) -> None:
        (weight * value).backward()
        self.parts[name] = self.parts.get(name, 0) + value.detach()
        self.parts["loss"] = self.parts["loss"] + weight * value.detach()


def embedding_loss(encoder: Encoder, leaves: dict[str, Tensor], batch: Batch, settings: Train, count: int) -> Parts:
    """The loss of rows `batch.first .. + count` against the whole batch, backwards into `leaves`, block by block.

    Args:
        leaves: "image" and each task -> (B, D) embeddings that collect gradients, as do scale and bias.
    """
    images, device = leaves["image"], leaves["image"].device
    negative = torch.tensor(settings.negative_weights, device=device)
    positive = torch.tensor(settings.positive_weights, device=device)
    total, tasks, mine = Sum(device), list(batch.texts), slice(batch.first, batch.first + count)
    for task, relevance in batch.relevance.items():
        texts, weight = leaves[task], getattr(settings, f"{task}_weight")
        positives = positive_weights(batch.positive_grades[task], positive)
        sides = [lambda rows, of=of: negative[of(rows)] for of in (relevance.products, relevance.queries)]
        for part in contrast(encoder, images, texts, blocks(batch.first, count), sides, positives):
            total.add(task, weight, part)
    if settings.lwf_weight > 0 and batch.targets is not None:
        total.add("lwf", settings.lwf_weight, lwf_rows(images[mine], batch.base("image"), batch.size))
    if settings.lwf_text_weight > 0:
        for task in tasks:
            part = lwf_rows(leaves[task][mine], batch.base(task), batch.size)
            total.add("lwf_text", settings.lwf_text_weight, part / len(tasks))
    if settings.lwf_similarity_weight > 0:
        for task in tasks:
            for part in similarities(leaves, batch, ("image", task), count):
                total.add("lwf_similarity", settings.lwf_similarity_weight, part / len(tasks))
    if settings.vicreg_weight > 0:
        sides = {"both": ["image", *tasks], "image": ["image"], "text": tasks}[settings.vicreg_on]
        for side in sides:  # of the whole batch, so every process computes it and tells its share
            part = vicreg(leaves[side]) * count / batch.size
            total.add("vicreg", settings.vicreg_weight, part / len(sides))
    return total.parts


def reference_loss(encoder: Encoder, leaves: dict[str, Tensor], batch: Batch, settings: Train, count: int) -> Parts:
    """What the student loses of the base on reference data: similarities as ZSCL, or both sides' vectors as LwF.

    With `train.replay_weight` it goes on learning from those pairs, too: experience replay (Rolnick et al. 2019,
    arXiv 1811.11682). Titles that the base embeds alike are no negatives of one another.
    """
    total, mine = Sum(leaves["image"].device), slice(batch.first, batch.first + count)
    if settings.reference_loss == "similarity":
        found = similarities(leaves, batch, ("image", "reference"), count)
    else:
        found = (lwf_rows(leaf[mine], batch.base(name), batch.size) / len(leaves) for name, leaf in leaves.items())
    for part in found:
        total.add("reference", settings.reference_weight, part)
    if settings.replay_weight > 0:
        images, texts = leaves["image"], leaves["reference"]
        base, positives = processes.gather(batch.base("reference")), torch.ones(len(texts), device=texts.device)
        sides = [lambda rows: (base[rows] @ base.T < ALIKE).float()] * 2
        for part in contrast(encoder, images, texts, blocks(batch.first, count), sides, positives):
            total.add("replay", settings.replay_weight, part)
    return total.parts


def contrast(
    encoder: Encoder,
    images: Tensor,
    texts: Tensor,
    parts: Iterator[slice],
    negatives: Sequence[Callable[[slice], Tensor]],
    positives: Tensor,
) -> Iterator[Tensor]:
    """The encoder's own contrastive loss of (B, D) pairs, sigmoid or softmax, in parts that add up to it.

    Args:
        negatives: rows -> (b, B) weights of these pictures against all texts, and of these texts against all pictures.
        positives: (B,) weights of the pairs themselves.
    """
    scale, (of_images, of_texts) = encoder.logit_scale, negatives
    for rows in parts:
        if encoder.head == "sigmoid":
            yield sigmoid_rows(images[rows], texts, rows.start, scale, encoder.logit_bias, of_images(rows), positives)
        else:
            yield softmax_rows(images[rows], texts, rows.start, scale, of_images(rows), positives) / 2
            yield softmax_rows(texts[rows], images, rows.start, scale, of_texts(rows), positives) / 2


def similarities(leaves: dict[str, Tensor], batch: Batch, sides: tuple[str, str], count: int) -> Iterator[Tensor]:
    """The mean of `similarity_rows` over both directions, in parts that add up to it."""
    base = {side: processes.gather(batch.base(side)) for side in sides}
    for side, other in (sides, sides[::-1]):
        for rows in blocks(batch.first, count):
            anchors, others = leaves[side][rows], leaves[other]
            yield similarity_rows(anchors, others, base[side][rows], base[other], batch.base_scale) / 2


def blocks(first: int, count: int) -> Iterator[slice]:
    for start in range(first, first + count, BLOCK):
        yield slice(start, min(start + BLOCK, first + count))
