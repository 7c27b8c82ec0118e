"""Scores models on tasks: per-query metrics from embeddings, by exact search over the whole corpus."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft import metrics
from weft.benchmarks.record import AnyTask, Classification, Retrieval, Side
from weft.bm25 import BM25, fuse
from weft.embed import Embedder
from weft.encoders import known
from weft.grading import grade
from weft.metrics import DEPTH
from weft.search import top_k


@dataclass(frozen=True)
class Scored:
    """One model on one task: `values` metric -> (Q,) per query; `ranking` (Q, K) corpus rows, -1 where none."""

    values: dict[str, np.ndarray]
    ranking: np.ndarray | None = None
    scores: np.ndarray | None = None


def query_prefix(place: str | Path) -> str:
    """What the authors of a model put before queries, by its short name or hub id; "" for a folder."""
    model = known(str(place))
    return model.query_prefix if model else ""


def embed_task(task: AnyTask, embedder: Embedder, prefix: str = "") -> tuple[np.ndarray, np.ndarray]:
    """(Q, D) query and (N, D) corpus embeddings of a task, as `score` wants them; of a classification, the classes'
    (the mean over its prompts) and the pictures'.

    Args:
        prefix: what a model's authors put before queries, never before documents or class prompts.
    """
    if isinstance(task, Classification):
        texts = [prompt.replace("{}", name) for name in task.classes for prompt in task.prompts]
        each = embedder.texts(texts).reshape(len(task.classes), len(task.prompts), -1)
        return unit(each.mean(1)), embed(task.items, embedder)
    queries = task.queries
    if prefix and queries.texts is not None:
        queries = dataclasses.replace(queries, texts=[prefix + text for text in queries.texts])
    return embed(queries, embedder), embed(task.corpus, embedder)


def embed(side: Side, embedder: Embedder) -> np.ndarray:
    """(N, D) embeddings of what a side holds, a row a picture where things have several; see `Side.image_weight`."""
    if side.pictures is None:
        return embedder.texts(list(side.texts))
    images = embedder.images(side.pictures, side.rows)
    if side.texts is None or side.image_weight == 1.0:
        return images
    texts = embedder.texts(list(side.texts))
    if side.owner is not None:  # a row a picture
        texts = texts[side.owner]
    return unit(side.image_weight * images + (1 - side.image_weight) * texts)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def score(task: AnyTask, queries: np.ndarray, corpus: np.ndarray) -> Scored:
    """Per-query metrics from unit embeddings; see `embed_task`."""
    if isinstance(task, Classification):
        answer = top_k(corpus, queries, 1)[0][:, 0]
        return Scored(classification_metrics(answer, task.truth, len(task.classes)))
    ranking, scores = top_k(queries, corpus, DEPTH, group=task.corpus.owner)
    return Scored(retrieval_metrics(task, ranking), ranking, scores)


def classification_metrics(answer: np.ndarray, truth: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """accuracy: 1 where right. balanced_accuracy: the same, weighted so that every class counts alike;
    its mean over pictures is the mean of the per-class accuracies."""
    right = (answer == truth).astype(np.float64)
    sizes = np.bincount(truth, minlength=classes)
    weight = len(truth) / (np.count_nonzero(sizes) * sizes[truth])
    return {"balanced_accuracy": right * weight, "accuracy": right}


def classes_of(task: AnyTask, metric: str) -> np.ndarray | None:
    """(Q,) classes where the metric is a mean over them, for `weft.stats.centred`; else None."""
    return task.truth if isinstance(task, Classification) and metric == "balanced_accuracy" else None


def retrieval_metrics(task: Retrieval, ranking: np.ndarray) -> dict[str, np.ndarray]:
    """The task's metrics, and whether the very thing that each query was made from was found."""
    binary = grade(ranking, task.relevant, task.threshold, task.query_ids)
    graded = grade(ranking, task.relevant)
    values = {n: metrics.measure(n, graded if n.partition("@")[0] in metrics.GRADED else binary) for n in task.metrics}
    if task.source is not None and (task.source >= 0).all():
        values["source_found@10"] = (ranking[:, :10] == task.source[:, None]).any(1).astype(np.float64)
    return values


def bm25_ranking(task: Retrieval) -> tuple[np.ndarray, np.ndarray]:
    """(Q, K) corpus rows ranked by BM25 over titles: what a shop has without any encoder."""
    return BM25(task.corpus.titles).top_k(task.queries.texts, DEPTH)


def fused(task: Retrieval, rankings: Sequence[np.ndarray]) -> Scored:
    """Reciprocal rank fusion of several rankings of one task."""
    ranking, scores = fuse(*rankings)
    ranking = ranking[:, :DEPTH]
    return Scored(retrieval_metrics(task, ranking), ranking, scores[:, :DEPTH])


def describe(task: AnyTask, base: Scored | None = None) -> dict:
    """A task's facts for the report: sizes, the best score any model could reach, chance, and whether it counts.

    Out of domain a task counts only where the base is at least twice as good as chance, or half way from chance to 1,
    which is less where more than a third are right by chance: what it never knew it cannot forget. Nor does one count
    that asks its queries again in a smaller gallery.
    """
    facts = {"name": task.name, "domain": task.domain, "kind": task.kind, "primary": task.primary}
    if isinstance(task, Classification):
        facts |= {"queries": len(task.truth), "gallery": len(task.classes), "relevant_per_query": 1.0}
        facts |= {"ceiling": 1.0, "chance": 1 / len(task.classes)}
    else:
        counts = np.asarray([(grades >= task.threshold).sum() for _, grades in task.relevant])
        facts |= {"queries": len(counts), "gallery": len(task.corpus), "relevant_per_query": float(counts.mean())}
        facts |= ceiling_and_chance(task, counts)
    note = ""
    if isinstance(task, Retrieval) and task.limited:
        note = "it asks the same queries again in an easier gallery"
    elif base and task.domain == "out-of-domain":
        twice, half = 2 * facts["chance"], (1 + facts["chance"]) / 2
        if base.values[task.primary].mean() < min(twice, half):
            note = "the base is below " + ("twice chance" if twice <= half else "half way from chance to 1")
    return facts | {"counts": not note, "note": note}


def ceiling_and_chance(task: Retrieval, relevant: np.ndarray) -> dict[str, float]:
    """What a perfect ranking and a random one score on the primary metric, from (Q,) numbers of relevant things.

    A random ranking of n things finds each relevant one among its first k with probability k / n, so its recall@k is
    that. Other metrics have a chance of their own, not stated here.
    """
    name, _, cut = task.primary.partition("@")
    size, k = len(task.corpus), int(cut)
    if name == "recall":
        return {"ceiling": float(metrics.ceiling_recall(relevant, k).mean()), "chance": min(1.0, k / size)}
    if name == "hit_rate":
        return {"ceiling": 1.0, "chance": metrics.hit_rate_by_chance(relevant, size, k)}
    if name == "precision":
        return {"ceiling": float((np.minimum(relevant, k) / k).mean()), "chance": float((relevant / size).mean())}
    ideal = np.full((len(relevant), k), -1)
    for row, (things, grades) in enumerate(task.relevant):
        best = np.asarray(things)[np.argsort(-np.asarray(grades), kind="stable")][:k]
        ideal[row, : len(best)] = best
    graded = grade(ideal, task.relevant, 0.0 if name in metrics.GRADED else task.threshold)
    return {"ceiling": float(metrics.measure(task.primary, graded).mean()), "chance": float("nan")}
