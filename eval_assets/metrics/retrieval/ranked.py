"""Ranked document ids against the ids of relevant documents. How well retrieved text covers an answer is in `context`.

What was retrieved is what the candidate returned beside its answer as `retrieved_ids`, or the ids of what it returned
as `retrieved_context` or `retrieved_documents`; else the output, as a JSON list of ids. Best first; the targets are a
list of ids, or one. An id is compared by its text: 7, 7.0 and "7" are the same.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.metrics.targets import number_texts
from eval_assets.requests.absence import is_absent

Ids = tuple[str, ...]

RETRIEVED = ("retrieved_ids", "retrieved_documents", "retrieved_context")
"""Names under which a candidate returns what it retrieved beside its answer; the first that names ids counts."""


RELEVANT = ("relevant_ids", "expected_retrieved_context")
"""Columns of an example that say what should be retrieved, where the targets are what should be answered."""


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


def ndcg_at_k(retrieved: Ids, relevant: Ids, k: int, ideal: str = "retrieved") -> float:
    """Discounted gain of the first k with binary relevance, over that of the best order of as many as were retrieved.

    As in MLflow: the best order is cut at what was retrieved, so one hit retrieved alone scores 1 however many are
    relevant, and every repetition of a relevant id counts as one more relevant document. With `ideal: k` the best order
    has all relevant documents up to k, and a repetition gains nothing. Both empty 1, one empty 0.

    >>> round(ndcg_at_k(("doc1", "doc3", "doc2"), ("doc1", "doc2"), 3), 6)
    0.919721
    >>> ndcg_at_k(("a",), ("a", "b"), 3), round(ndcg_at_k(("a",), ("a", "b"), 3, ideal="k"), 6)  # 1 / (1 + 1/log2(3))
    (1.0, 0.613147)
    """
    if not retrieved or not relevant:
        return float(not retrieved and not relevant)
    top, wanted = retrieved[:k], set(relevant)
    if ideal == "k":
        first = {doc: place for place, doc in reversed(list(enumerate(top))) if doc in wanted}
        return _gain(first.values()) / _gain(range(min(len(wanted), k)))
    repeated = sum(doc in wanted for doc in top) - len(wanted.intersection(top))
    gain = _gain(place for place, doc in enumerate(top) if doc in wanted)
    return gain / _gain(range(min(len(wanted) + repeated, len(top))))


def _gain(places: Iterable[int]) -> float:
    return math.fsum(1 / math.log2(place + 2) for place in places)


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
    ids = tuple(map(_id_text, items))
    if None in ids:
        raise ValueError(f"expected document ids that are texts or numbers, got {text[:80]!r}")
    return cast("Ids", ids)


def relevant_ids(targets: Any) -> Ids | None:
    """Read the ids of the relevant documents: one, or a list of them, which may be empty.

    Returns:
        The ids, without nulls and blank ones; None where there is nothing but those, or something that is no id.

    >>> relevant_ids(["a", 7.0, None, {"doc_id": "b"}]), relevant_ids([]), relevant_ids([""]), relevant_ids([["a"]])
    (('a', '7', 'b'), (), None, None)
    """
    items = targets if isinstance(targets, list) else [targets]
    named = [item for item in items if not is_absent(item)]
    ids = tuple(map(_id_text, named))
    return None if None in ids or (items and not named) else cast("Ids", ids)


def _id_text(item: Any) -> str | None:
    """The text of an id; None where it is none."""
    if isinstance(item, dict):
        item = item.get("doc_id", item.get("id"))
    if isinstance(item, bool) or not isinstance(item, str | int | float):
        return None
    return item if isinstance(item, str) else next(iter(number_texts(item)), None)


def score_ranking(
    rows: Rows, parameters: Mapping[str, Any], *, measure: Callable[..., float]
) -> Sequence[float | Score]:
    """Apply a measure to every row; where nothing says which ids were retrieved it is an error with its reason.

    Where the targets name no ids, and aren't an empty list, the row is skipped.
    """
    ranked = rows.shared("ranked", lambda: list(map(_ids_or_error, rows.outputs, rows.extra)))
    values = rows.shared("relevant values", lambda: _relevant_values(rows))
    wanted = rows.shared("relevant", lambda: list(map(relevant_ids, values)))
    return [
        Score(None, outcome="skipped", reason=f"expected ids of documents as targets, got {str(value)[:80]!r}")
        if targets is None
        else Score(None, outcome="error", reason=ids)
        if isinstance(ids, str)
        else measure(ids, targets, **parameters)
        for ids, targets, value in zip(ranked, wanted, values, strict=True)
    ]


def _relevant_values(rows: Rows) -> list[Any]:
    """The targets; of a candidate that answers and says what it retrieved, the relevant ids, if a column has them."""
    values = list(rows.target_values)
    for row, extra in enumerate(rows.extra):
        if any(extra.get(name) is not None for name in RETRIEVED):
            example = rows.example(row)
            values[row] = next((example[name] for name in RELEVANT if example.get(name) is not None), values[row])
    return values


def retrieved_ids(extra: Mapping[str, Any]) -> Ids | None:
    """The ids of what a candidate returned as retrieved beside its answer; None where it names none.

    Raises:
        ValueError: `retrieved_ids` is no list of ids.

    >>> retrieved_ids({"retrieved_context": [{"doc_id": "a", "content": "Paris."}, {"doc_id": 7}]})
    ('a', '7')
    >>> retrieved_ids({"retrieved_context": ["Paris is a city."]})
    """
    for name in RETRIEVED:
        items = extra.get(name)
        if items is None:
            continue
        ids = tuple(map(_id_text, items)) if isinstance(items, list) else (None,)
        if name == RETRIEVED[0] and None in ids:
            raise ValueError(f"expected {name!r} as a list of document ids, got {items!r:.80}")
        if None not in ids and (name == RETRIEVED[0] or all(isinstance(item, dict) for item in items)):
            return cast("Ids", ids)
    return None


def _ids_or_error(text: str, extra: Mapping[str, Any]) -> Ids | str:
    try:
        beside = retrieved_ids(extra)
        if beside is not None:
            return beside
        return document_ids(text)
    except ValueError as error:
        return str(error)


_K = {"k": Parameter(3, (int,), minimum=1)}
_ANY_K = {"k": Parameter(None, (int, type(None)), minimum=1)}
_IDEAL = {"ideal": Parameter("retrieved", (str,), ("retrieved", "k"), came_later=True)}


def _ranking(name: str, measure: Callable[..., float], **declared: Any) -> Metric:
    return Metric(name, partial(score_ranking, measure=measure), takes_any_targets=True, **declared)


METRICS = (
    _ranking("precision_at_k", precision_at_k, parameters=_K, expands="k"),
    _ranking("recall_at_k", recall_at_k, parameters=_K, expands="k"),
    _ranking("ndcg_at_k", ndcg_at_k, parameters={**_K, **_IDEAL}, expands="k"),
    _ranking("hit_rate", hit_at_k, parameters=_ANY_K, is_binary=True),
    _ranking("mrr", reciprocal_rank, parameters=_ANY_K),
    _ranking("map", average_precision, parameters=_ANY_K),
)
