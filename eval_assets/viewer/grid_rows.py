"""The texts of the examples on one page of the grid, read for that page alone, and how each cell is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.computed.scores import READ_OF_JUDGES, READ_OF_METRICS, SCORE_ROWS, score_rows
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.outputs import CandidateOutput, ExampleOutputs, example_outputs
from eval_assets.reports.word_diff import DiffPart, word_diff
from eval_assets.statistics.comparison.paired import DECIMALS
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE
from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.score_index import ScoreIndex
from eval_assets.wording.foreign_text import targets_text
from eval_assets.wording.numbers import number_text

CHARACTERS = {"1": 200, "2": 400, "3": 600, "6": 1200, "12": 2400, "all": 20_000}
"""Lines of a cell → as much text as can be seen in them at any width."""
MOST_COMPARED = 4_000
"""Characters of two texts whose words are compared."""

READ_OF_PREDICTIONS = (
    "model", "prompt", "example_id", "position", "sample_index", "prediction_id", "inputs", "targets", "output",
    "outcome", "error", "tool_calls",
)  # fmt: skip
OF_SCORES = ("example_id", "sample_index", "metric", "score", "label", "justification")
NOT_IN_CELLS = ("context", "reasoning", "trajectory", "extra")


@dataclass(frozen=True, slots=True)
class CellScore:
    """One metric in a cell: score or label, and how it differs from the baseline's; `is_better` null if it doesn't."""

    metric: str
    value: float | None
    label: str | None
    difference: float | None
    is_better: bool | None

    @property
    def shown(self) -> str | None:
        """The number, or the label; null where there is neither."""
        return self.label if self.value is None else number_text(self.value)

    @property
    def change(self) -> str:
        """The difference with its sign; empty where there is none."""
        return number_text(self.difference, sign=True) if self.difference else ""


@dataclass(frozen=True, slots=True)
class GridCell:
    """What one candidate answered to one example.

    Args:
        candidate: `model@prompt`.
        answer: All of it.
        text: What is shown of the output: parts, so that words can be marked.
        n_more: Characters of it that are left out.
        scores: In the view's order.
        n_failed: Of the samples.
        is_other_row: Whether it answers another text of the example than the baseline does.
    """

    candidate: str
    answer: CandidateOutput
    text: tuple[DiffPart, ...]
    n_more: int
    scores: tuple[CellScore, ...]
    n_failed: int
    is_other_row: bool = False

    @property
    def is_failed(self) -> bool:
        """Whether there is no answer to be read: a failed request, or no row at all."""
        return self.answer.outcome not in ("ok", "tool_call")


@dataclass(frozen=True, slots=True)
class GridRow:
    """One example with a cell per column."""

    example: ExampleOutputs
    inputs: str
    targets: str
    cells: tuple[GridCell, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What columns can be held against the baseline by, on one example.

    Args:
        other_rows: Columns that answer another text of the example than the baseline does.
        scored_otherwise: Columns with the metrics that they were scored by otherwise.
    """

    other_rows: frozenset[str] = frozenset()
    scored_otherwise: frozenset[tuple[str, str]] = frozenset()

    def against(self, column: str, metric: str, baseline: str) -> bool:
        """Whether a difference of the two scores is one of the answers."""
        is_other = column in self.other_rows or (column, metric) in self.scored_otherwise
        return column != baseline and not is_other


def page_outputs(
    warehouse: Warehouse, index: ScoreIndex, report: EvaluationReport, view: GridView, rows: Sequence[int]
) -> list[ExampleOutputs]:
    """Read what candidates answered to some examples, in the order of the rows.

    Args:
        warehouse: Where the texts are.
        index: Of the evaluation; scores are taken from it, labels, if a shown metric answers with any, from the tables.
        report: Of the evaluation; its rows aren't needed.
        view: Which candidates and scores.
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
    answered = _as_own(index, read("predictions", READ_OF_PREDICTIONS)).with_columns(
        pl.lit(None, dtype=pl.String()).alias(name) for name in NOT_IN_CELLS
    )
    found = {each.example_id: each for each in example_outputs(answered, scores, view.columns)}
    return [found[example_id] for example_id in ids if example_id in found]


def _as_own(index: ScoreIndex, answered: pl.DataFrame) -> pl.DataFrame:
    """Answers with the texts of their examples as the evaluation's own candidates have them, where one has."""
    of_rows = ("position", "inputs", "targets")
    is_other = ~CANDIDATE.is_in([name for name, column in index.columns.items() if column.is_own])
    first = answered.sort(is_other, maintain_order=True).unique("example_id", keep="first")
    return answered.drop(of_rows).join(first.select("example_id", *of_rows), on="example_id", maintain_order="left")


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


def grid_row(
    example: ExampleOutputs,
    view: GridView,
    directions: Mapping[str, bool | None],
    n_failed: Mapping[str, int],
    held: Held,
) -> GridRow:
    """Lay an example out.

    Args:
        example: With the answers of the view's columns.
        view: What is shown.
        directions: Metric → whether greater is better; null where it only describes.
        n_failed: Candidate → failed samples of the example.
        held: What columns can be held against the baseline by.
    """
    most = CHARACTERS[view.lines]
    answers = dict(zip(view.columns, example.answers, strict=True))
    base = answers[view.base]
    targets = targets_text(example.targets) or ""
    against = {"baseline": base.said, "target": targets}.get(view.diff)
    cells = []
    for name, answer in answers.items():
        said = answer.said or ""
        is_marked = against and not (view.diff == "baseline" and name == view.base)
        text = _marked(against or "", said, most) if is_marked else (DiffPart("same", said[:most]),)
        scores = tuple(
            _score(metric, answer, base if held.against(name, metric, view.base) else None, directions.get(metric))
            for metric in view.scores
        )
        more = max(0, len(said) - most)
        cells.append(GridCell(name, answer, text, more, scores, n_failed.get(name, 0), name in held.other_rows))
    return GridRow(example, (example.inputs or "")[:most], targets[:most], tuple(cells))


def _marked(before: str, after: str, most: int) -> tuple[DiffPart, ...]:
    """The second text with the words that the first lacks marked; those that only the first has are left out."""
    length = min(most, MOST_COMPARED)
    return tuple(part for part in word_diff(before[:length], after[:length]) if part.kind != "removed")


def _score(
    metric: str,
    answer: CandidateOutput,
    base: CandidateOutput | None,
    greater_is_better: bool | None,  # noqa: FBT001 - a fact of the metric
) -> CellScore:
    value = answer.scores.get(metric)
    theirs = None if base is None else base.scores.get(metric)
    difference = None if value is None or theirs is None else round(value - theirs, DECIMALS)
    is_better = None
    if difference and greater_is_better is not None:
        is_better = (difference > 0) == greater_is_better
    return CellScore(metric, value, answer.labels.get(metric), difference, is_better)
