"""Examples that got one reply between them, because their requests are equal: they are one draw, not several."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from eval_assets.reports.note import Note, Weight
from eval_assets.tables.columns import CANDIDATE

SHARED_REPLIES = {"model": pl.String(), "prompt": pl.String(), "example_id": pl.String(), "group": pl.Int64()}
MOST_NAMED = 3


def shared_replies(predictions: pl.LazyFrame) -> pl.DataFrame:
    """Find the examples of each candidate whose requests are equal, so that one stored reply answered them.

    Args:
        predictions: Rows with `model`, `prompt`, `example_id` and `request_key`, of any candidates.

    Returns:
        Columns of `SHARED_REPLIES`: one row per example that shares any of its replies, and the number of its group.
        Groups are joined where an example shares one sample with a second and another sample with a third.

    >>> rows = {"model": "m", "prompt": "p", "example_id": ["a", "b", "c"], "request_key": ["x", "x", "y"]}
    >>> shared_replies(pl.LazyFrame(rows)).rows()
    [('m', 'p', 'a', 0), ('m', 'p', 'b', 0)]
    """
    keys = ["model", "prompt", "request_key"]
    edges = (
        predictions.filter(pl.col("request_key").is_not_null())
        .select(*keys, "example_id")
        .group_by(keys)
        .agg(pl.col("example_id").unique().sort())
        .filter(pl.col("example_id").list.len() > 1)
        .collect()
        .sort(keys)
        .explode("example_id")
    )
    if edges.is_empty():
        return pl.DataFrame(schema=SHARED_REPLIES)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    examples = edges.select(pl.struct("model", "prompt", "example_id").rank("dense")).to_series().to_numpy() - 1
    requests = edges.select(pl.struct(keys).rank("dense")).to_series().to_numpy() - 1
    n_examples, n_requests = int(examples.max()) + 1, int(requests.max()) + 1
    graph = coo_array((np.ones(examples.size), (examples, requests + n_examples)), shape=(n_examples + n_requests,) * 2)
    groups = connected_components(graph, directed=False)[1][examples]
    found = edges.with_columns(group=pl.Series(groups, dtype=pl.Int64)).select(list(SHARED_REPLIES))
    return found.unique(maintain_order=True).sort("model", "prompt", "group", "example_id")


def shared_replies_notes(predictions: pl.DataFrame) -> Iterator[Note]:
    """Say which candidates have fewer replies than examples, and how those are counted; nothing where none has."""
    shared = shared_replies(predictions.lazy())
    if shared.is_empty():
        return
    counts = (
        shared.group_by(candidate=CANDIDATE, maintain_order=True)
        .agg(n_examples=pl.len(), n_groups=pl.col("group").n_unique())
        .rows()
    )
    named = [f"{examples:,} examples of {candidate} count as {groups:,}" for candidate, examples, groups in counts]
    more = len(named) - MOST_NAMED
    listed = ", ".join([*named[:MOST_NAMED], *([f"and so for {more} more candidates"] if more > 0 else [])])
    said = f"Equal requests share a reply, so the examples that make them are not independent: {listed} in intervals, "
    yield Note(f"{said}tests, letters and gates.", Weight.DEPENDENT)
