"""Ranked document ids against the ids of relevant documents. How well retrieved text covers an answer is in `context`.

The output is a JSON list of ids, best first; the targets are a list of ids. An id is compared by its text: 7 is "7".
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.rows import Rows

Ids = tuple[str, ...]


def precision_at_k(retrieved: Ids, relevant: Ids, k: int) -> float:
    """Share of the first k retrieved that are relevant; of those there are when fewer than k; 0 when none.

    >>> precision_at_k(("a", "b"), ("a",), 3)
    0.5
    """
    top = retrieved[:k]
    return sum(doc in relevant for doc in top) / len(top) if top else 0.0


def recall_at_k(retrieved: Ids, relevant: Ids, k: int) -> float:
    """Share of the relevant found among the first k; with nothing relevant, 1 if nothing was retrieved, else 0.

    >>> recall_at_k(("a", "b"), ("a", "c"), 3)
    0.5
    """
    if not relevant:
        return 0.0 if retrieved else 1.0
    wanted = set(relevant)
    return len(wanted.intersection(retrieved[:k])) / len(wanted)


def ndcg_at_k(retrieved: Ids, relevant: Ids, k: int) -> float:
    """Discounted gain of the first k with binary relevance, over the gain of the best order.

    As in MLflow, every repetition of a relevant id counts as one more relevant document. Both empty 1, one empty 0.

    >>> round(ndcg_at_k(("doc1", "doc3", "doc2"), ("doc1", "doc2"), 3), 6)
    0.919721
    """
    if not retrieved or not relevant:
        return float(not retrieved and not relevant)
    top, wanted = retrieved[:k], set(relevant)
    gain = math.fsum(1 / math.log2(place + 2) for place, doc in enumerate(top) if doc in wanted)
    repeated = sum(doc in wanted for doc in top) - len(wanted.intersection(top))
    best = math.fsum(1 / math.log2(place + 2) for place in range(min(len(wanted) + repeated, len(top))))
    return gain / best


def hit_at_k(retrieved: Ids, relevant: Ids, k: int | None) -> float:
    """1 if a relevant document is among the first k (all of them when k is None), else 0.

    >>> hit_at_k(("a", "b"), ("b",), 1)
    0.0
    """
    return float(not set(relevant).isdisjoint(retrieved[:k]))


def reciprocal_rank(retrieved: Ids, relevant: Ids, k: int | None) -> float:
    """One over the place of the first relevant document among the first k, 0 if there is none; the mean is MRR.

    >>> reciprocal_rank(("a", "b"), ("b",), None)
    0.5
    """
    return next((1 / place for place, doc in enumerate(retrieved[:k], 1) if doc in relevant), 0.0)


def average_precision(retrieved: Ids, relevant: Ids, k: int | None) -> float:
    """Precision at the place of each relevant document among the first k, summed over the number of relevant ones.

    A repeated document counts once. With nothing relevant, 1 if nothing was retrieved, else 0. The mean is MAP.

    >>> average_precision(("a", "x", "b"), ("a", "b"), None)  # (1/1 + 2/3) / 2  # doctest: +ELLIPSIS
    0.833...
    """
    if not relevant:
        return 0.0 if retrieved else 1.0
    open_ids = set(relevant)
    n_relevant, total, n_found = len(open_ids), 0.0, 0
    for place, doc in enumerate(retrieved[:k], 1):
        if doc in open_ids:
            open_ids.remove(doc)
            n_found += 1
            total += n_found / place
    return total / n_relevant


def document_ids(text: str) -> Ids:
    """Read a JSON list of ids: texts, numbers, or objects with `doc_id` or `id`.

    Raises:
        ValueError: It is no such list; the message shows what came.

    >>> document_ids('["a", 7, {"doc_id": "b"}]')
    ('a', '7', 'b')
    """
    try:
        items = json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected a JSON list of document ids, got {text[:80]!r}") from error
    if not isinstance(items, list):
        raise ValueError(f"expected a JSON list of document ids, got {text[:80]!r}")  # noqa: TRY004
    ids = [item.get("doc_id", item.get("id")) if isinstance(item, dict) else item for item in items]
    if any(not isinstance(item, str | int | float) for item in ids):
        raise ValueError(f"expected document ids that are texts or numbers, got {text[:80]!r}")
    return tuple(str(item) for item in ids)


def score_ranking(
    rows: Rows, parameters: Mapping[str, Any], *, measure: Callable[[Ids, Ids, Any], float]
) -> Sequence[float | Score]:
    """Apply a measure to every row; an output that is no list of ids is an error with its reason."""
    ranked = rows.shared("ranked", lambda: [_ids_or_error(text) for text in rows.outputs])
    return [
        Score(None, outcome="error", reason=ids) if isinstance(ids, str) else measure(ids, targets, parameters["k"])
        for ids, targets in zip(ranked, rows.targets, strict=True)
    ]


def _ids_or_error(text: str) -> Ids | str:
    try:
        return document_ids(text)
    except ValueError as error:
        return str(error)


_K = {"k": Parameter(3, (int,), minimum=1)}
_ANY_K = {"k": Parameter(None, (int, type(None)), minimum=1)}

PRECISION_AT_K = Metric(
    "precision_at_k",
    partial(score_ranking, measure=precision_at_k),
    takes_empty_targets=True,
    parameters=_K,
    expands="k",
)
RECALL_AT_K = Metric(
    "recall_at_k", partial(score_ranking, measure=recall_at_k), takes_empty_targets=True, parameters=_K, expands="k"
)
NDCG_AT_K = Metric(
    "ndcg_at_k", partial(score_ranking, measure=ndcg_at_k), takes_empty_targets=True, parameters=_K, expands="k"
)
HIT_RATE = Metric(
    "hit_rate", partial(score_ranking, measure=hit_at_k), takes_empty_targets=True, is_binary=True, parameters=_ANY_K
)
MRR = Metric("mrr", partial(score_ranking, measure=reciprocal_rank), takes_empty_targets=True, parameters=_ANY_K)
MAP = Metric("map", partial(score_ranking, measure=average_precision), takes_empty_targets=True, parameters=_ANY_K)
