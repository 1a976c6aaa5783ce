"""One example: what every candidate answered, sample by sample, each score with its reason, and how it came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.errors import ViewError
from eval_assets.requests.conversations import readable
from eval_assets.storage.tracing.trace import parts_of
from eval_assets.storage.tracing.trace_ids import find_named
from eval_assets.storage.tracing.trace_links import judge_part, votes_for
from eval_assets.storage.tracing.trace_text import trace_sections
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE
from eval_assets.viewer.asking_page import AskingDesk, ShownAsking
from eval_assets.viewer.chosen import Chosen
from eval_assets.viewer.example_answers import answer_rows, shown_answers
from eval_assets.viewer.laid_out import laid_out, markup
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.viewed_project import ViewedProject
from eval_assets.wording.foreign_text import targets_text


@dataclass(frozen=True, slots=True)
class Trace:
    """How one answer came about, part by part, with what can be looked up elsewhere.

    Args:
        prediction_id: Of the answer.
        sections: Heading and text, as `eval-assets trace` prints them.
        run_ids: Of the Dagster runs that wrote its parts.
        is_stored: Whether `eval-assets trace` finds it: the answer of a former state was replaced since.
        prompt: Name and version of the prompt it was rendered from.
    """

    prediction_id: str
    sections: tuple[tuple[str, str], ...]
    run_ids: tuple[str, ...]
    is_stored: bool
    prompt: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Asking:
    """What the page shows of replies that were asked for anew.

    Args:
        token: Of its forms.
        found: Prediction → replies, the latest first.
        said: What the last form came to.
        is_problem: Whether that is a problem.
    """

    token: str
    found: Mapping[str, Sequence[ShownAsking]]
    said: str
    is_problem: bool


class ExamplePages:
    """Writes the pages of single examples, whole or as a part for the grid's side panel."""

    def __init__(self, project: ViewedProject, desk: AskingDesk) -> None:
        self._project, self._desk = project, desk

    def page(self, chosen: Chosen, example_id: str, *, traced: str = "", **shown: Any) -> str:
        """Write it.

        Args:
            chosen: The grid that it is opened from: its columns are shown.
            example_id: Which.
            traced: Prediction whose way is shown.
            shown: What else the template needs.

        Raises:
            ViewError: There is no such example, or the prediction is of another one.
        """
        name = chosen.report.evaluation.name
        columns = [chosen.index.columns[column] for column in chosen.view.columns]
        wanted = _wanted(chosen, example_id)
        rows, heuristic, judged = answer_rows(
            self._project.warehouse, columns, wanted, pl.col("example_id") == example_id
        )
        if rows.is_empty():
            raise ViewError(f"{name}: no column of the grid has an answer to {example_id!r:.80}; choose others")
        own = [column.name for column in columns if column.is_own]
        first = rows.sort(~CANDIDATE.is_in(own), maintain_order=True).row(0, named=True)
        is_raw, nodes = chosen.view.look == "raw", laid_out(first["inputs"] or "")
        return rendered(
            "example.html.j2",
            name=name,
            report=chosen.report,
            example_id=example_id,
            inputs=readable(first["inputs"]),
            inputs_laid_out=None if is_raw or nodes is None else markup(nodes),
            is_raw=is_raw,
            targets=targets_text(first["targets"]),
            context=first["context"],
            row=first["example_sha256"],
            answers=shown_answers(chosen.report, columns, rows, heuristic, judged),
            trace=self._trace(chosen, rows, judged, traced) if traced else None,
            dagster_url=self._project.dagster_url,
            can_edit=self._project.can_edit,
            asking=self._asking(name, rows),
            **shown,
        )

    def _asking(self, name: str, rows: pl.DataFrame) -> Asking | None:
        if not self._desk.takes(name):
            return None
        said, is_problem = self._desk.said(rows["prediction_id"].to_list())
        return Asking(self._desk.token, self._desk.shown(name, rows), said, is_problem)

    def _trace(self, chosen: Chosen, rows: pl.DataFrame, judged: pl.DataFrame, prediction_id: str) -> Trace:
        found = rows.filter(pl.col("prediction_id") == prediction_id).to_dicts()
        if not found:
            raise ViewError(f"trace: expected a prediction of this example, got {prediction_id!r:.80}")
        warehouse = self._project.warehouse
        column = chosen.index.columns[Candidate.of_row(found[0])]
        traced = parts_of(warehouse, {**found[0], **column.cell}, column.held_by.get("predictions"))
        same = [pl.col(name) == found[0][name] for name in ("prediction_id", "model", "prompt")]
        said = [{**verdict, **column.cell} for verdict in judged.filter(*same).to_dicts()]
        verdicts = [{"judge": judge_part(warehouse, one, votes_for(one, said))} for one in said if one["juror"] is None]
        parts = [*trace_sections(traced), *(section for verdict in verdicts for section in trace_sections(verdict))]
        prompt = traced["prompt"]
        runs = [traced[part]["run_id"] for part in ("prediction", "prompt", "model", "example") if traced[part]]
        return Trace(
            prediction_id,
            tuple((head, "\n".join(lines)) for head, *lines in parts),
            tuple(dict.fromkeys(run for run in runs if run)),
            column.versions is None,
            (prompt["name"], prompt["version"]) if prompt else None,
        )


def place_of(warehouse: Warehouse, identifier: str) -> tuple[str, str, str, str]:
    """Evaluation, candidate, example and prediction that the id of a score or prediction belongs to.

    Raises:
        TraceError: The id names nothing, or more than one row.
        ViewError: It names an example, which belongs to no evaluation.
    """
    named = find_named(warehouse, identifier)
    if named.kind == "example":
        raise ViewError(f"expected the id of a score or a prediction, got the example {named.identifier!r:.80}")
    column = "score_id" if named.kind == "score" else "prediction_id"
    rows = warehouse.scan(named.table, named.partition).filter(pl.col(column) == named.identifier)
    example_id, prediction_id = rows.select("example_id", "prediction_id").collect().row(0)
    return named.partition["evaluation"], Candidate.of_row(named.partition), example_id, prediction_id


def _wanted(chosen: Chosen, example_id: str) -> pl.Expr:
    """Rows near an example's, told by what files hold statistics of."""
    row = chosen.index.example_ids.index_of(example_id)
    if row is None:
        name = chosen.report.evaluation.name
        raise ViewError(f"{name}: expected the id of an example that was answered, got {example_id!r:.80}")
    return pl.col("position").is_in({int(chosen.index.positions(name)[row]) for name in chosen.view.columns})
