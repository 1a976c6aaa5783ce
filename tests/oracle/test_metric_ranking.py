"""Retrieval metrics against scikit-learn, on random rankings with repetitions and empty lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.metrics.retrieval.ranked import average_precision, ndcg_at_k, precision_at_k, recall_at_k

ids = st.lists(st.sampled_from("abcdefgh"), max_size=8).map(tuple)
distinct = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True).map(tuple)


def with_distinct_ids(retrieved, relevant):
    """MLflow's reading of repetitions: each is a document of its own, as relevant as the first."""
    renamed, wanted = [], list(dict.fromkeys(relevant))
    for place, doc in enumerate(retrieved):
        is_repeated = doc in retrieved[:place]
        renamed.append(f"{doc}-{place}" if is_repeated else doc)
        if is_repeated and doc in relevant:
            wanted.append(renamed[-1])
    return renamed, wanted


@given(ids, ids, st.integers(1, 9))
def test_ndcg_equals_scikit_learn(retrieved, relevant, k):
    from sklearn.metrics import ndcg_score

    top, wanted = with_distinct_ids(retrieved[:k], relevant)
    if not top or not wanted:
        expected = float(not top and not wanted)
    else:
        documents = [*top, *(doc for doc in wanted if doc not in top), "unseen"]  # scikit-learn wants two at least
        relevance = [doc in wanted for doc in documents]
        order = [len(top) - place if place < len(top) else 0 for place in range(len(documents))]
        expected = ndcg_score([relevance], [order], k=len(top), ignore_ties=True)
    assert ndcg_at_k(retrieved, relevant, k) == pytest.approx(expected, abs=1e-12)


@given(ids, ids, st.integers(1, 9))
def test_precision_and_recall_equal_scikit_learn(retrieved, relevant, k):
    from sklearn.metrics import precision_score, recall_score

    top = retrieved[:k]
    hits = [doc in relevant for doc in top]
    assert precision_at_k(retrieved, relevant, k) == pytest.approx(
        precision_score(hits, [True] * len(top), zero_division=0) if top else 0.0
    )
    if relevant:
        documents = sorted(set(relevant) | set(top))
        is_relevant, is_found = [doc in relevant for doc in documents], [doc in top for doc in documents]
        assert recall_at_k(retrieved, relevant, k) == pytest.approx(
            recall_score(is_relevant, is_found, zero_division=0)
        )


@given(distinct, distinct)
def test_average_precision_equals_scikit_learn_when_everything_relevant_is_retrieved(retrieved, relevant):
    from sklearn.metrics import average_precision_score

    retrieved = (*retrieved, *(doc for doc in relevant if doc not in retrieved))
    expected = average_precision_score([doc in relevant for doc in retrieved], -np.arange(len(retrieved)))
    assert average_precision(retrieved, relevant, None) == pytest.approx(expected)
