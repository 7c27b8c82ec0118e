"""Scores models on tasks: per-query metrics from embeddings, by exact search over the whole gallery."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weft import metrics
from weft.bm25 import BM25, fuse
from weft.embed import Embedder
from weft.schema import RELEVANT
from weft.search import top_k
from weft.tasks import DEPTH, AnyTask, Classification, Retrieval

REPORTED = ("hit_rate@1", "hit_rate@10", "recall@10", "mrr@10", "ndcg@10")


@dataclass(frozen=True)
class Scored:
    """One model on one task: `values` metric -> (Q,) per query; `ranking` (Q, K) product rows, -1 where none."""

    values: dict[str, np.ndarray]
    ranking: np.ndarray | None = None
    scores: np.ndarray | None = None


def embed_task(task: AnyTask, embedder: Embedder) -> tuple[np.ndarray, np.ndarray]:
    """(Q, D) query and (N, D) picture embeddings of a task, in the order `score` wants them.

    All of a collection's pictures are embedded together, so that tasks over one gallery share the work.
    """
    if isinstance(task, Classification):
        return embedder.texts([task.prompt.replace("{}", name) for name in task.classes]), embedder.images(
            task.collection, task.images
        )
    return embedder.texts(task.task.texts), embedder.images(task.collection, np.arange(task.collection.image_count))


def score(task: AnyTask, queries: np.ndarray, images: np.ndarray) -> Scored:
    """Per-query metrics from unit embeddings; see `embed_task`."""
    if isinstance(task, Classification):
        answer = top_k(images, queries, 1)[0][:, 0]
        return Scored(classification_metrics(answer, task.truth, len(task.classes)))
    owner = task.collection.product_of_image
    if not task.whole:
        images, owner = images[task.images], owner[task.images]
    ranking, scores = top_k(queries, images, DEPTH, group=owner)
    return Scored(retrieval_metrics(task, ranking), ranking, scores)


def classification_metrics(answer: np.ndarray, truth: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """accuracy: 1 where right. balanced_accuracy: the same, weighted so that every class counts alike;
    its mean over pictures is the mean of the per-class accuracies."""
    right = (answer == truth).astype(np.float64)
    sizes = np.bincount(truth, minlength=classes)
    weight = len(truth) / (np.count_nonzero(sizes) * sizes[truth])
    return {"balanced_accuracy": right * weight, "accuracy": right}


def in_gallery(task: Retrieval) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per query, the judged products that compete in this gallery, and their grades."""
    inside = np.zeros(len(task.collection), dtype=bool)
    inside[task.gallery] = True
    return [(rows[inside[rows]], grades[inside[rows]]) for rows, grades in task.task.relevant]


def retrieval_metrics(task: Retrieval, ranking: np.ndarray) -> dict[str, np.ndarray]:
    """hit_rate, recall, MRR, nDCG at their cuts, and whether the source product itself was found."""
    judged = in_gallery(task)
    binary = metrics.grade(ranking, judged, RELEVANT, task.query_ids)
    graded = metrics.grade(ranking, judged)
    values = {name: metrics.measure(name, graded if name.startswith("ndcg") else binary) for name in REPORTED}
    source = task.task.source
    if (source >= 0).all():
        values["source_found@10"] = (ranking[:, :10] == source[:, None]).any(1).astype(np.float64)
    return values


def bm25_ranking(task: Retrieval) -> tuple[np.ndarray, np.ndarray]:
    """(Q, K) product rows ranked by BM25 over titles: what a shop has without any encoder."""
    titles = [task.collection.products[row].title for row in task.gallery]
    places, scores = BM25(titles).top_k(task.task.texts, DEPTH)
    return np.where(places >= 0, task.gallery[places], -1), scores


def fused(task: Retrieval, rankings: Sequence[np.ndarray]) -> Scored:
    """Reciprocal rank fusion of several rankings of one task."""
    ranking, scores = fuse(*rankings)
    ranking = ranking[:, :DEPTH]
    return Scored(retrieval_metrics(task, ranking), ranking, scores[:, :DEPTH])


def describe(task: AnyTask, base: Scored | None = None) -> dict:
    """A task's facts for the report: sizes, the best score any model could reach, chance, and whether it counts.

    Out of domain a task counts only where the base is at least twice as good as chance: what it never knew it
    cannot forget. Nor does one count that asks its queries again in a smaller gallery.
    """
    facts = {"name": task.name, "domain": task.domain, "kind": task.kind, "primary": task.primary}
    if isinstance(task, Classification):
        facts |= {"queries": len(task.truth), "gallery": len(task.classes), "relevant_per_query": 1.0}
        facts |= {"ceiling": 1.0, "chance": 1 / len(task.classes)}
    else:
        counts = np.asarray([(grades >= RELEVANT).sum() for _, grades in in_gallery(task)])
        facts |= {"queries": len(counts), "gallery": len(task.gallery), "relevant_per_query": float(counts.mean())}
        facts |= {"ceiling": float(metrics.ceiling_recall(counts, 10).mean())}
        facts |= {"chance": min(1.0, 10 / len(task.gallery))}
    note = ""
    if isinstance(task, Retrieval) and not task.whole:
        note = "it asks the same queries again in an easier gallery"
    elif base and task.domain == "out-of-domain" and base.values[task.primary].mean() < 2 * facts["chance"]:
        note = "the base is below twice chance"
    return facts | {"counts": not note, "note": note}
