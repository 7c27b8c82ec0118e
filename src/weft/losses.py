"""The training losses as pure functions of embeddings: what pulls pairs together, and what holds on to the base.

Notation of ZooClaw-FashionSigLIP2 (arXiv 2606.27708) and of the papers named below: a batch of B products, unit
embeddings f (images) and g (queries), logit z_ij = exp(t) * <f_i, g_j> + b, weight w_ij of product i against query j.
Everything is computed in blocks of rows, so no (B, B) matrix is ever held whole; summing the blocks of 0..B gives the
batch's loss.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def positive_weights(grades: Tensor, weight_of_grade: Tensor) -> Tensor:
    """(B,) grades 0..3 of each pair -> (B,) weights w_ii with mean 1, so that grading cannot change the step size.

    A batch in which every weight is zero keeps zeros: there is nothing to learn from it.
    """
    weights = weight_of_grade[grades.long()]
    mean = weights.mean()
    return weights / mean if mean > 0 else weights


def sigmoid_rows(
    images: Tensor,
    texts: Tensor,
    start: int,
    scale: Tensor,
    bias: Tensor,
    negatives: Tensor,
    positives: Tensor,
) -> Tensor:
    """The rows' share of the sigmoid GCL loss, -(1/B) sum_ij w_ij log sigmoid(y_ij z_ij).

    Sigmoid loss: Zhai et al. 2023, arXiv 2303.15343, eq. 1; weights: Generalised Contrastive Learning,
    Zhu et al. 2024, arXiv 2404.08535. With all weights 1 it is SigLIP's own loss.

    Args:
        images: (b, D) unit embeddings of rows `start .. start + b`.
        texts: (B, D) unit embeddings of all queries of the batch.
        scale: t, the logarithm of the temperature's inverse; bias: b.
        negatives: (b, B) weights w_ij in [0, 1]; the diagonal is not read.
        positives: (B,) weights w_ii, mean 1.
    """
    z = scale.exp() * images @ texts.T + bias
    own = torch.arange(len(images), device=z.device)
    sign = torch.full_like(z, -1.0)
    sign[own, own + start] = 1.0
    weights = negatives.to(z.dtype).clone()
    weights[own, own + start] = positives[start : start + len(images)].to(z.dtype)
    return -(weights * F.logsigmoid(sign * z)).sum() / len(texts)


def softmax_rows(
    anchors: Tensor, others: Tensor, start: int, scale: Tensor, negatives: Tensor, positives: Tensor
) -> Tensor:
    """The anchors' share of one direction of the softmax GCL loss (CLIP's, with weighted negatives).

    -(1/B) sum_i w_ii log(exp z_ii / (exp z_ii + sum_{j != i} w_ij exp z_ij)); Radford et al. 2021,
    arXiv 2103.00020, fig. 3, with weights after arXiv 2404.08535. Call it once with images as anchors,
    once with queries as anchors (and the weights transposed), and average the two.

    Args:
        anchors: (b, D) rows `start .. start + b` of one side; others: (B, D), the whole other side.
        negatives: (b, B) weights of each anchor against the others; the diagonal is not read.
        positives: (B,) weights w_ii, mean 1.
    """
    z = scale.exp() * anchors @ others.T
    own = torch.arange(len(anchors), device=z.device)
    log_weights = negatives.to(z.dtype).clamp_min(0).log()  # log 0 = -inf takes a pair out of the sum
    log_weights[own, own + start] = 0.0
    log_share = z[own, own + start] - torch.logsumexp(z + log_weights, dim=1)
    return -(positives[start : start + len(anchors)] * log_share).sum() / len(others)


def lwf_rows(embeddings: Tensor, targets: Tensor, batch: int) -> Tensor:
    """The rows' share of Learning without Forgetting, (1/B) sum_i (1 - cos(f_i, f_base_i)).

    Li & Hoiem 2016, arXiv 1606.09282, in the image-embedding form of ZooClaw-FashionSigLIP2 (arXiv 2606.27708);
    queries g_i are held in the same way.

    Args:
        embeddings: (b, D) the student's; targets: (b, D) the frozen base's, computed once and cached.
    """
    return (1 - F.cosine_similarity(embeddings, targets, dim=1)).sum() / batch


def similarity_rows(
    anchors: Tensor, others: Tensor, base_anchors: Tensor, base_others: Tensor, scale: Tensor
) -> Tensor:
    """The anchors' share of (1/B) sum_i KL(p_i || q_i): what an anchor resembles must stay as the base sees it.

    p_i = softmax_j(exp(t) <f_i, g_j>) of the base's embeddings, q_i of the student's: vectors may turn as long as
    they turn together. The form is ZSCL's (Zheng et al. 2023, arXiv 2303.06628) up to the
    entropy of p, which is constant; the idea is relational distillation's (Park et al. 2019, arXiv 1904.05068). Call
    it once in each direction.

    Args:
        anchors: (b, D) the student's; others: (B, D) the whole other side; base_...: the frozen base's of the same.
        scale: t of the base, for both: a temperature that learns could satisfy the term by itself.
    """
    q = (scale.exp() * anchors @ others.T).log_softmax(1)
    p = (scale.exp() * base_anchors @ base_others.T).log_softmax(1)
    return F.kl_div(q, p, reduction="sum", log_target=True) / len(others)


def vicreg(embeddings: Tensor) -> Tensor:
    """VICReg's variance and covariance terms, (1/D) sum_j max(0, 1 - s_j) + (1/25D) sum_{j != k} C_jk^2.

    Bardes et al. 2022, arXiv 2105.04906, eq. 1 to 4, s_j^2 = C_jj + 1e-4, with their weights 25 to 1. Their vectors
    have any length; unit vectors are taken times sqrt(D), so that 1 is the deviation of an even spread over the
    sphere and a higher one cannot be had everywhere. Batch statistics: not a sum over rows, but (D, D) at most.

    Args:
        embeddings: (B, D) unit vectors of the whole batch.
    """
    count, dim = embeddings.shape
    centred = (embeddings - embeddings.mean(0)) * dim**0.5
    covariance = centred.T @ centred / (count - 1)
    deviation = (covariance.diagonal() + 1e-4).sqrt()
    correlated = covariance - torch.diag(covariance.diagonal())
    return F.relu(1 - deviation).mean() + correlated.square().sum() / dim / 25
