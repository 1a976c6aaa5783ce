"""What the fields of a grid's form can be set to."""

from collections.abc import Mapping

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.viewer.chosen import Chosen
from eval_assets.viewer.grid_view import DIFF, HUMAN, LINES, LOOK, OF_ROWS, PER_PAGE, SHOW, SORT, WHERE, WIDTH, checked

OUTCOMES = ("ok", "tool_call", "empty", "error", "refused", "truncated", "unparsed", "skipped")


def choices(chosen: Chosen) -> dict[str, list[tuple[str, str, bool]]]:
    """Field → what it can be set to: value, words, and whether the view has it so."""
    report, view = chosen.report, chosen.view
    return {
        "show": checked(SHOW, view.show),
        "human": checked(HUMAN, view.human),
        "look": checked(LOOK, view.look),
        "width": checked(WIDTH, view.width),
        "row": [(name, words, name in view.row) for name, words in _of_rows(chosen).items()],
        "sort": checked(SORT, view.sort),
        "where": checked(WHERE, view.where),
        "diff": checked(DIFF, view.diff),
        "lines": checked(LINES, view.lines),
        "per": checked(PER_PAGE, view.per),
        "metric": checked({metric: metric for metric in report.reading_order}, view.metric or ""),
        "of": checked({"": "any column", **{column: column for column in view.columns}}, view.of),
        "outcome": checked({"": "any outcome", **{outcome: outcome for outcome in OUTCOMES}}, view.outcome),
        "slice": checked(_slices(report), view.slice),
        "base": checked({name: name for name in (*(one.name for one in report.candidates), *view.columns)}, view.base),
    }


def _of_rows(chosen: Chosen) -> Mapping[str, str]:
    """What can be shown of an example, and what a view asks for that no example has."""
    return {**OF_ROWS, **{name: name for name in (*chosen.dataset_columns, *chosen.view.row) if name not in OF_ROWS}}


def _slices(report: EvaluationReport) -> Mapping[str, str]:
    rows = report.aggregates.select("slice_column", "slice_value").drop_nulls().unique(maintain_order=True).rows()
    return {"": "all slices", **{f"{column}={value}": f"{column}: {value}" for column, value in rows}}
