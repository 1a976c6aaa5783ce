"""The grid as CSV, exactly as it is shown: its columns, order and scores, each output whole."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from eval_assets.reports.exports.spreadsheet_text import csv_text
from eval_assets.reports.outputs import CandidateOutput
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.chosen import Chosen
from eval_assets.viewer.grid_texts import page_texts
from eval_assets.viewer.grid_view import GridView

MOST_EXPORTED = 10_000
"""Examples in one CSV: more are what `eval-assets report --format csv --rows` is for."""
A_CHUNK = 500


def grid_csv(warehouse: Warehouse, chosen: Chosen) -> str:
    """Write the examples of a view, all pages of them.

    Of a former state or another evaluation a column says whether its answer is to the same row as the baseline's.
    """
    view, index = replace(chosen.view, lines="all", diff="none"), chosen.index
    edited = {name: index.is_other_row(name, view.base) for name in view.columns if not index.columns[name].is_own}
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    own, other = ("output", "outcome", *view.scores), ("output", "outcome", *view.scores, "row")
    head = [f"{what} of {name}" for name in view.columns for what in (other if name in edited else own)]
    writer.writerow(["example_id", "inputs", "targets", *head])
    places = {index.example_ids[int(row)]: int(row) for row in chosen.rows[:MOST_EXPORTED]}
    for start in range(0, min(len(chosen.rows), MOST_EXPORTED), A_CHUNK):
        part = chosen.rows[start : min(start + A_CHUNK, MOST_EXPORTED)]
        for example in (texts.outputs for texts in page_texts(warehouse, index, chosen.report, view, part.tolist())):
            values: list[object] = [example.example_id, example.inputs, example.targets]
            for name, answer in zip(view.columns, example.answers, strict=True):
                values += _answer(view, answer)
                values += ["edited" if edited[name][places[example.example_id]] else "same"] if name in edited else []
            writer.writerow([csv_text(value) if isinstance(value, str) else value for value in values])
    return written.getvalue()


def _answer(view: GridView, answer: CandidateOutput) -> Iterator[object]:
    yield from (answer.said, answer.outcome)
    for metric in view.scores:
        score = answer.scores.get(metric)
        yield answer.labels.get(metric) if score is None else score
