"""What can be told of evaluations, as tables say it now: verdicts of gates, models behind names, rows without answers.

What runs failed is known to Dagster alone: whoever looks hands it in. Nothing is told of the files, which may be in the
middle of an edit: what counts is what was computed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from eval_assets.alerting.change import Fact
from eval_assets.alerting.deciding import FAILED, NO_ANSWERS, NO_ROWS
from eval_assets.config.candidate import Candidate
from eval_assets.config.project import Project
from eval_assets.providers.identity import lane_of_model
from eval_assets.reports.computed.gating import overall_verdict
from eval_assets.stages.graph import all_judges_of, cells_of, judge_models_of
from eval_assets.storage.replies.model_changes import ModelChange, last_change
from eval_assets.storage.snapshots import partition_name
from eval_assets.storage.versions import all_versions
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded

TABLES = ("gate_results", "predictions", "responses")
"""What facts are made of."""

RUN = "run"
HAS_DATA, RUNS = "data", "runs"
ANSWERED = ("ok", "tool_call")

FailedRuns = Mapping[str, str | None]
"""Evaluation → why its last run failed, of those whose last run did; null while a run is under way."""


@dataclass(slots=True)
class Observer:
    """Looks at the tables of a warehouse, and again only when one of them has changed.

    Args:
        warehouse: The tables.
    """

    warehouse: Warehouse
    model_changes: dict[str, ModelChange | None] = field(default_factory=dict)
    """Model → the last change of what answers under its name, as the last look saw it."""

    _seen: object = None
    _facts: list[Fact] = field(default_factory=list)

    def facts(self, project: Project, failed_runs: FailedRuns) -> list[Fact]:
        """Everything that may change, of every evaluation whose file can be used.

        Args:
            project: The files as they stand.
            failed_runs: As Dagster knows them.
        """
        asked = {name: loaded.item for name, loaded in project.evaluations.items()}
        versions = tuple(self.warehouse.version(table) for table in TABLES)
        seen = (versions, asked, {name: loaded.item for name, loaded in project.models.items()})
        if seen != self._seen:
            self._facts = [*self._of_evaluations(project), *self._of_models(project)]
            self._seen = seen
        return [*self._facts, *(_fact("no_data", name, RUN, _of_runs(failed_runs, name)) for name in asked)]

    def _of_evaluations(self, project: Project) -> Iterator[Fact]:
        computed = self.warehouse.last_commits("predictions")
        for name in project.evaluations:
            if not self._is_trial(name):
                yield from verdicts(name, self.warehouse.scan("gate_results", {"evaluation": name}).collect())
            cells = [cell for cell in cells_of(project, name) if partition_name(cell.partition) in computed]
            rows = self.warehouse.scan("predictions").filter(pl.col("evaluation") == name)
            counts = (
                rows.group_by("model", "prompt")
                .agg(pl.len(), answered=pl.col("outcome").is_in(ANSWERED).sum())
                .collect()
            )
            found = {Candidate.of_row(row): row for row in counts.iter_rows(named=True)}
            for cell in cells:
                row = found.get(cell.candidate, {"len": 0, "answered": 0})
                value = NO_ROWS if not row["len"] else HAS_DATA if row["answered"] else NO_ANSWERS
                yield _fact("no_data", name, str(cell.candidate), value)

    def _is_trial(self, evaluation: str) -> bool:
        """Whether gates were last asked about the first rows alone (`run --limit`): such a verdict is nobody's."""
        commit = self.warehouse.last_commit("gate_results", {"evaluation": evaluation})
        made_from = None if commit is None else inputs_recorded(commit).get(f"evaluations/{evaluation}")
        versions = all_versions(self.warehouse, "evaluations", evaluation)
        return any(version.content.get("limit") for version in versions if version.content_sha256 == made_from)

    def _of_models(self, project: Project) -> Iterator[Fact]:
        users: dict[str, set[str]] = {}
        for name, loaded in project.evaluations.items():
            judges = all_judges_of(project, name)
            for model in {
                *loaded.item.file.models,
                *(asked for judge in judges for asked in judge_models_of(project, judge)),
            }:
                users.setdefault(model, set()).add(name)
        self.model_changes = {
            model: last_change(self.warehouse, lane_of_model(project.models[model].item))
            for model in sorted(users)
            if model in project.models
        }
        for model, change in self.model_changes.items():
            yield Fact("model", None, model, change.now if change else "", frozenset(users[model]))


def verdicts(evaluation: str, rows: pl.DataFrame) -> Iterator[Fact]:
    """What the gates of an evaluation say together, and each critical condition; nothing where none were asked.

    Args:
        evaluation: Its name.
        rows: Rows of `GATE_RESULTS`.
    """
    if rows.is_empty():
        return
    yield _fact("verdict", evaluation, None, overall_verdict(rows).verdict.value)
    for row in rows.filter(pl.col("tier") == "critical").iter_rows(named=True):
        yield _fact("verdict", evaluation, condition_name(row), row["verdict"])


def _of_runs(failed_runs: FailedRuns, evaluation: str) -> str:
    """How runs of an evaluation go; empty while one is under way."""
    if evaluation not in failed_runs:
        return RUNS
    return "" if failed_runs[evaluation] is None else FAILED


def condition_name(row: Mapping[str, object]) -> str:
    """What a condition is known as: of whom, of which metric, and what is asked.

    >>> condition_name({"model": "m", "prompt": "p", "metric": None, "condition": "cost at most 1"})
    'm@p, cost at most 1'
    """
    return ", ".join(str(part) for part in (Candidate.of_row(row), row["metric"], row["condition"]) if part)


def _fact(kind: str, evaluation: str, subject: str | None, value: str) -> Fact:
    return Fact(kind, evaluation, subject, value, frozenset([evaluation]))  # type: ignore[arg-type]
