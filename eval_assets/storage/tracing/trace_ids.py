"""Which row an id names: a score, a prediction or an example, written in full or by a beginning that only it has."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from eval_assets.config.candidate import cell_key
from eval_assets.errors import TraceError
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CELL

Kind = Literal["score", "prediction", "example"]

MAX_LISTED = 10
SCORE_MARK, PREDICTION_MARK = "s-", "p-"


@dataclass(frozen=True, slots=True)
class Named:
    """A row that an id names.

    Args:
        kind: What it is.
        identifier: Its id in full.
        table: The table that holds it; an example that left its dataset is held by `predictions` alone.
        partition: The partition of that table; of an example always its dataset.
        what: A few words about it.
    """

    kind: Kind
    identifier: str
    table: str
    partition: dict[str, str]
    what: str


def find_named(warehouse: Warehouse, identifier: str) -> Named:
    """Find the one row that an id or a beginning of ids names; an id in full wins over longer ones.

    Args:
        warehouse: Where the rows lie.
        identifier: A score, prediction or example id, or a beginning of one. An example id that several datasets have
            is written `dataset/example_id`.

    Raises:
        TraceError: Nothing is named so, or more than one row; then up to ten of them are listed.
    """
    if not identifier:
        raise TraceError("expected a score, prediction or example id, or the beginning of one, got an empty text")
    found = list(_candidates(warehouse, identifier, in_full=True)) or list(
        _candidates(warehouse, identifier, in_full=False)
    )
    if not found:
        raise TraceError(
            f"expected a score, prediction or example id, or the beginning of one, got {identifier!r}, which no row of "
            f"{warehouse.root} has; ids stand in heuristic_metrics, judge_scores, predictions and eval_datasets"
        )
    if len(found) > 1:
        listed = "\n".join(f"  {_shown(named, found)}  {named.what}" for named in found[:MAX_LISTED])
        more = "\n  and more" if len(found) > MAX_LISTED else ""
        raise TraceError(
            f"expected the id of one row, got {identifier!r}, which could be\n{listed}{more}\nwrite one in full"
        )
    return found[0]


def datasets_of_evaluations(warehouse: Warehouse) -> dict[str, str]:
    """Evaluation → its dataset, by the latest version of each evaluation."""
    latest = warehouse.scan("evaluations").sort("version").group_by("evaluation").last()
    rows = latest.select("evaluation", "content").collect().iter_rows()
    return {evaluation: json.loads(content)["file"]["dataset"] for evaluation, content in rows}


def _candidates(warehouse: Warehouse, identifier: str, *, in_full: bool) -> Iterator[Named]:
    """Rows that an id could mean, a few more than are listed."""
    if _may_begin(SCORE_MARK, identifier):
        for table, by in (("heuristic_metrics", "metric"), ("judge_scores", "judge")):
            for row in _rows(warehouse, table, "score_id", identifier, in_full=in_full, also=(*CELL, "example_id", by)):
                what = f"score by {row[by]} of example {row['example_id']}, {cell_key(row)}"
                yield Named("score", row["score_id"], table, _partition(row), what)
    if _may_begin(PREDICTION_MARK, identifier):
        also = (*CELL, "example_id")
        for row in _rows(warehouse, "predictions", "prediction_id", identifier, in_full=in_full, also=also):
            what = f"prediction for example {row['example_id']}, {cell_key(row)}"
            yield Named("prediction", row["prediction_id"], "predictions", _partition(row), what)
    yield from _examples(warehouse, identifier, in_full=in_full)


def _examples(warehouse: Warehouse, identifier: str, *, in_full: bool) -> Iterator[Named]:
    """Examples of datasets, and those that only predictions still know."""
    known: set[tuple[str, str]] = set()
    datasets = datasets_of_evaluations(warehouse)
    head, slash, tail = identifier.partition("/")
    for beginning, only in ((identifier, None), *([(tail, head)] if slash and tail else [])):
        for table, by in (("eval_datasets", "dataset"), ("predictions", "evaluation")):
            for row in _rows(warehouse, table, "example_id", beginning, in_full=in_full, also=(by,)):
                dataset = row["dataset"] if by == "dataset" else datasets.get(row["evaluation"])
                identity = (dataset or "", row["example_id"])
                if dataset is None or identity in known or only not in (None, dataset):
                    continue
                known.add(identity)
                yield Named("example", row["example_id"], table, {"dataset": dataset}, f"example of dataset {dataset}")


def _rows(
    warehouse: Warehouse, table: str, column: str, identifier: str, *, in_full: bool, also: tuple[str, ...]
) -> list[dict[str, Any]]:
    condition = pl.col(column) == identifier if in_full else pl.col(column).str.starts_with(identifier)
    few = warehouse.scan(table).filter(condition).select(column, *also).unique(maintain_order=True)
    return few.head(MAX_LISTED + 1).collect().to_dicts()


def _may_begin(mark: str, identifier: str) -> bool:
    """Whether an id with this mark can begin so."""
    return identifier.startswith(mark) or mark.startswith(identifier)


def _partition(row: dict[str, Any]) -> dict[str, str]:
    return {column: row[column] for column in CELL}


def _shown(named: Named, others: list[Named]) -> str:
    """The id to write: with its dataset where another dataset has the same."""
    if named.kind == "example" and sum(other.identifier == named.identifier for other in others) > 1:
        return f"{named.partition['dataset']}/{named.identifier}"
    return named.identifier
