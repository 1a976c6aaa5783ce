"""The texts of the examples on one page of the grid, read for that page alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.computed.scores import READ_OF_JUDGES, READ_OF_METRICS, SCORE_ROWS, score_rows
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.outputs import ExampleOutputs, example_outputs
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE
from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.score_index import ScoreIndex

READ_OF_PREDICTIONS = (
    "model", "prompt", "example_id", "position", "sample_index", "prediction_id", "inputs", "targets", "output",
    "outcome", "error", "tool_calls",
)  # fmt: skip
OF_EXAMPLES = ("position", "inputs", "targets")
OF_SCORES = ("example_id", "sample_index", "metric", "score", "label", "justification")
NOT_IN_CELLS = ("context", "reasoning", "trajectory", "extra")


@dataclass(frozen=True, slots=True)
class ExampleTexts:
    """What is read of one example.

    Args:
        outputs: Inputs, targets and answers, for reading.
        stored_inputs: As the table has them: a conversation in JSON.
        facts: Name and text of what else the view shows of it.
    """

    outputs: ExampleOutputs
    stored_inputs: str | None
    facts: tuple[tuple[str, str], ...]


def page_texts(
    warehouse: Warehouse, index: ScoreIndex, report: EvaluationReport, view: GridView, rows: Sequence[int]
) -> list[ExampleTexts]:
    """Read some examples and what columns answered, in the order of the rows.

    Args:
        warehouse: Where the texts are.
        index: Of the evaluation; scores are taken from it, labels, if a shown metric answers with any, from the tables.
        report: Of the evaluation; its rows aren't needed.
        view: Which columns and scores, and what of the example.
        rows: Rows of the index.
    """
    ids = index.example_ids.gather(list(rows))
    # Files hold statistics of positions, so that most row groups are not read; ids are compared with what is left.
    places = {int(place) for name in view.columns for place in index.positions(name)[list(rows)]}
    near, wanted = pl.col("position").is_in(places), pl.col("example_id").is_in(ids.implode())

    def read(table: str, columns: Sequence[str]) -> pl.DataFrame:
        cells = [index.columns[name] for name in view.columns]
        found = pl.concat([cell.scan(warehouse, table).filter(near).select(columns) for cell in cells])
        return found.collect().filter(wanted)

    if any(report.answers_with_labels(metric) for metric in view.scores):
        scores = score_rows(read("heuristic_metrics", READ_OF_METRICS), read("judge_scores", READ_OF_JUDGES))
    else:
        scores = _indexed_scores(index, view, rows, ids)
    others = [name for name in view.row if name not in READ_OF_PREDICTIONS]
    of_rows = [
        *OF_EXAMPLES,
        *(["context"] if "context" in others else []),
        *(["example"] if set(others) - {"context"} else []),
    ]
    read_columns = list(dict.fromkeys([*READ_OF_PREDICTIONS, *of_rows]))
    answered, first = _as_own(index, read("predictions", read_columns), of_rows)
    lacking = [name for name in NOT_IN_CELLS if name not in answered.columns]
    answered = answered.with_columns(pl.lit(None, dtype=pl.String()).alias(name) for name in lacking)
    found = {each.example_id: each for each in example_outputs(answered, scores, view.columns)}
    stored = {row["example_id"]: row for row in first.iter_rows(named=True)}
    return [
        ExampleTexts(found[each], stored[each]["inputs"], tuple(_facts(stored[each], others)))
        for each in ids
        if each in found
    ]


def _facts(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and text of columns of an example, of those that it has."""
    columns = {"context": row.get("context"), **json.loads(row.get("example") or "{}")}
    for name in names:
        if (value := columns.get(name)) is not None:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_own(index: ScoreIndex, answered: pl.DataFrame, of_rows: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers, and a row per example, with the texts that the evaluation's own candidates have of it, where one has."""
    is_other = ~CANDIDATE.is_in([name for name, column in index.columns.items() if column.is_own])
    first = (
        answered.sort(is_other, maintain_order=True).unique("example_id", keep="first").select("example_id", *of_rows)
    )
    return answered.drop(of_rows).join(first, on="example_id", maintain_order="left"), first


def _indexed_scores(index: ScoreIndex, view: GridView, rows: Sequence[int], ids: pl.Series) -> pl.DataFrame:
    """Scores of the view on some examples as rows of `score_rows`, means over samples."""
    parts = [
        {
            **Candidate(name).columns,
            "example_id": ids,
            "sample_index": 0,
            "metric": metric,
            "score": index.scores(name, metric)[list(rows)],
        }
        for name in view.columns
        for metric in view.scores
    ]
    frames = [pl.DataFrame(part).with_columns(pl.col("score").fill_nan(None)) for part in parts if rows]
    columns = {"model": pl.String(), "prompt": pl.String(), **{name: SCORE_ROWS[name] for name in OF_SCORES}}
    empty = pl.DataFrame(schema=columns)
    return pl.concat([empty, *frames], how="diagonal_relaxed")
