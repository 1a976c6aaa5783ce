"""How a partition is shown after it was written: titles and Markdown. Who shows it is in the wiring."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from eval_assets.reports.changes_report import load_changes
from eval_assets.reports.computed.labels import shares_in_words
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.changes_text import changes_in_short, changes_markdown, trends_markdown
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import leaderboard_svg
from eval_assets.requests.conversations import readable
from eval_assets.stages.cell_inputs import evaluation_of
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import parse_cell
from eval_assets.stages.report_reading import read_report
from eval_assets.stages.stored_inputs import partition_of
from eval_assets.storage.versions import current_version
from eval_assets.wording.foreign_text import fenced_text, markdown_text, shortened, visible_text
from eval_assets.wording.numbers import number_text

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 120
MOST_READ = 10 * PREVIEW_CHARACTERS  # of a cell that may be many megabytes
MOST_FIGURES = 4

Preview = Callable[[EngineRoom, str], Mapping[str, str]]


def first_rows(table: str, *columns: str) -> Preview:
    """The first rows of a partition."""

    def preview(room: EngineRoom, key: str) -> Mapping[str, str]:
        rows = room.warehouse.scan(table, partition_of(table, key))
        if "position" in rows.collect_schema():
            rows = rows.sort("position")
        return {"preview": rows_preview(rows.head(PREVIEW_ROWS).collect(), columns)}

    return preview


def source(table: str) -> Preview:
    """A file as it was written by its author."""
    return lambda room, key: {"preview": fenced_text(current_version(room.warehouse, table, key).source)}


def label_shares(room: EngineRoom, key: str) -> Mapping[str, str]:
    """The aggregates of a cell, with the shares of labels in words."""
    rows = room.warehouse.scan("aggregate_reports", parse_cell(key).partition).collect()
    columns = ("metric", "n_scored", "n_total", "mean", "ci_low", "ci_high", "variance", "p90", "labels")
    said = rows.with_columns(pl.col("labels").map_elements(shares_in_words, return_dtype=pl.String))
    return {"preview": rows_preview(said, columns)}


def comparison_preview(room: EngineRoom, key: str) -> Mapping[str, str]:
    """What `report_preview` makes of the report of an evaluation."""
    return report_preview(read_report(room, key))


def report_preview(report: EvaluationReport) -> Mapping[str, str]:
    """The answer, the whole report, and its leaderboards as pictures, one per metric that is won or lost."""
    metrics = [
        metric
        for metric in report.metrics
        if report.facts(metric)["greater_is_better"] is not None
        and any(row["n_scored"] for candidate in report.candidates if (row := candidate.metrics.get(metric)))
    ]
    figures = "\n\n".join(_picture(report, metric) for metric in metrics[:MOST_FIGURES])
    trends = "\n".join(trends_markdown(report.changes))
    said = {"answer": markdown_text(answer_sentence(report)), "preview": report_markdown(report), "figures": figures}
    return {**said, **({"trends": trends} if trends else {})}


def changes_preview(room: EngineRoom, key: str) -> Mapping[str, str]:
    """What changed in the candidates of an evaluation since their state before."""
    evaluation = evaluation_of(current_version(room.warehouse, "evaluations", key))
    # The history gets its newest point with the comparison, which shows it.
    changes = replace(load_changes(room.warehouse, evaluation), history=None)
    lines = changes_markdown(changes)
    answer = "\n\n".join(markdown_text(line) for line in changes_in_short(changes))
    return {
        **({"answer": answer} if answer else {}),
        "preview": "\n".join(lines) or "No candidate has a former state yet.",
    }


def rows_preview(rows: pl.DataFrame, columns: Sequence[str]) -> str:
    """A Markdown table of the first rows.

    >>> print(rows_preview(pl.DataFrame({"a": ["x y"], "b": [0.5]}), ["a", "b"]))
    | a | b |
    | --- | --- |
    | x y | 0.5 |
    """
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    shown = rows.head(PREVIEW_ROWS).select(columns).iter_rows()
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in shown]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """A value in a table cell: nothing of a model or a dataset becomes a link, a picture or markup."""
    if value is None:
        return ""
    text = number_text(value) if isinstance(value, float) else readable(str(value)) or ""
    return markdown_text(shortened(visible_text(text[:MOST_READ]), PREVIEW_CHARACTERS))


def _picture(report: EvaluationReport, metric: str) -> str:
    svg = base64.b64encode(leaderboard_svg(report, metric).encode()).decode()
    return f"![{markdown_text(metric)}](data:image/svg+xml;base64,{svg})"
