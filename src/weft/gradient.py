"""The exact gradient of a batch of any size in the memory of a micro-batch, on any number of processes."""

from collections.abc import Callable

import torch
from torch import Tensor

from weft import processes
from weft.batch import Batch
from weft.encoders.base import Encoder, tower_of
from weft.objective import Parts, embedding_loss
from weft.options import Train
from weft.teacher import answered

Loss = Callable[[Encoder, dict[str, Tensor], Batch, Train, int], Parts]
"""Of embeddings that collect gradients, as `weft.objective.embedding_loss`."""


def batch_gradient(
    encoder: Encoder,
    batch: Batch,
    settings: Train,
    seed: int = 0,
    teacher: Encoder | None = None,
    loss: Loss = embedding_loss,
) -> Parts:
    """Adds the gradient of the whole batch's loss to every parameter; returns the loss and its parts.

    The loss couples all pairs, so a micro-batch cannot simply be averaged. As in GradCache (Gao et al.
    2021, arXiv 2101.06983): embed every micro-batch without a graph, differentiate the loss of all
    embeddings with respect to them, then embed each micro-batch again, replaying dropout's random
    numbers, and send its rows of that gradient through. A single micro-batch keeps its first graph, and a
    frozen tower is not run again.

    Under `torchrun` what comes back, gradients and parts, is of this process's rows: their sum is the batch's.

    Args:
        seed: of dropout in this step; every micro-batch gets its own stream from it.
        teacher: a frozen base, asked for the embeddings that the loss's terms want and the batch does not bring.
    """
    first_input = next(iter(batch.pixels.values()))
    count, device = len(first_input), first_input.device
    micro = settings.micro_batch or count
    slices = [slice(i, min(i + micro, count)) for i in range(0, count, micro)]
    replay = len(slices) > 1

    def embed(rows: slice, towers: set[str]) -> dict[str, Tensor]:
        torch.manual_seed(seed + rows.start)
        # Outside autocast, which would round a view's coordinates.
        pixels = batch.pictures(encoder, rows, batch.views) if "image" in towers else None
        with processes.autocast(settings.precision, device):
            out = {} if pixels is None else {"image": encoder.image_features(pixels)}
            for task in batch.texts if "text" in towers else ():
                out[task] = encoder.text_features(batch.queries(task, rows))
        return {name: tensor.float() for name, tensor in out.items()}

    with torch.set_grad_enabled(not replay):
        outputs = [embed(rows, {"image", "text"}) for rows in slices]
    if teacher is not None:
        with torch.no_grad(), processes.autocast(settings.precision, device):
            batch = answered(batch, teacher, settings, slices)
    own = {name: torch.cat([out[name] for out in outputs]).detach() for name in outputs[0]}
    leaves = {name: processes.gather(tensor).requires_grad_() for name, tensor in own.items()}
    parts = loss(encoder, leaves, batch, settings, count)
    mine = slice(batch.first, batch.first + count)
    gradients = {name: processes.total(leaf.grad)[mine] for name, leaf in leaves.items()}
    learning = {tower_of(name) for name, parameter in encoder.model.named_parameters() if parameter.requires_grad}
    for index, rows in enumerate(slices):
        out = embed(rows, learning) if replay else outputs[index]
        live = [name for name in out if out[name].requires_grad]  # a frozen tower has no graph
        torch.autograd.backward([out[name] for name in live], [gradients[name][rows] for name in live])
    return parts
