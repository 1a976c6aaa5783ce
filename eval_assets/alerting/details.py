"""What is told of a change besides the change itself, as tables say it when it is noticed: it is kept with the change.

So a message says the same in every attempt, and tells of what happened meanwhile even where it is over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from eval_assets.alerting.change import AlertChange
from eval_assets.alerting.facts import RUN, FailedRuns, condition_name
from eval_assets.config.project import Project
from eval_assets.planning.failed_rows import failed_rows
from eval_assets.reports.changes_report import load_changes
from eval_assets.reports.computed.gating import overall_verdict
from eval_assets.reports.rendered.changes_text import effect_lines
from eval_assets.reports.rendered.gate_formats import condition_text
from eval_assets.stages.graph import Cell, cells_of
from eval_assets.storage.replies.model_changes import ModelChange
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import shortened
from eval_assets.wording.valid_json import valid_json

MOST_LINES = 5
LINE_CHARACTERS = 300
Detail = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Details:
    """Looks up what is told of changes.

    Args:
        project: The files.
        warehouse: The tables.
        model_changes: Model → what answers under its name, as the look saw it.
        failed_runs: As Dagster knows them.
    """

    project: Project
    warehouse: Warehouse
    model_changes: Mapping[str, ModelChange | None]
    failed_runs: FailedRuns

    def told_of(self, change: AlertChange, since: datetime | None) -> AlertChange:
        """The change with what is told of it.

        Args:
            change: One that waits to be told.
            since: When the value before was noticed: candidates that changed earlier have nothing to do with it.
        """
        match change.kind:
            case "verdict" if change.evaluation is not None:
                detail = self._of_verdict(change.evaluation, change.subject, since)
            case "model":
                detail = self._of_model(change.subject or "")
            case _:
                detail = self._of_data(change)
        return replace(change, detail=valid_json(detail))

    def _of_verdict(self, evaluation: str, condition: str | None, since: datetime | None) -> Detail:
        rows = self.warehouse.scan("gate_results", {"evaluation": evaluation}).collect()
        if condition is not None:
            return next(
                ({"said": _line(row["reason"])} for row in rows.to_dicts() if condition_name(row) == condition), {}
            )
        stopping = [row for row in rows.to_dicts() if row["tier"] == "critical" and row["verdict"] != "GO"]
        conditions = _listed(f"{row['verdict']} {condition_text(row)}" for row in stopping)
        flips = list(self._flips(evaluation, since))
        return {"said": overall_verdict(rows).note, "conditions": conditions, "since_last_time": flips[:MOST_LINES]}

    def _flips(self, evaluation: str, since: datetime | None) -> Iterator[Detail]:
        """What changed in each candidate since, what that did to its scores, and which rows it made worse."""
        for change in load_changes(self.warehouse, self.project.evaluation(evaluation)).with_former:
            if since is None or change.row["state_at"] > since:
                causes = [cause.sentence for cause in change.causes]
                yield {
                    "candidate": str(change.name),
                    "causes": _listed(causes),
                    "effects": _listed(line.strip() for line in effect_lines(change)),
                    "run_id": change.row["run_id"],
                }

    def _of_model(self, model: str) -> Detail:
        change = self.model_changes.get(model)
        if change is None:
            return {}
        return {"said": f"since {change.changed_at:%Y-%m-%d %H:%M} UTC, before as {change.former}"}

    def _of_data(self, change: AlertChange) -> Detail:
        evaluation = change.evaluation or ""
        if change.subject == RUN:
            return {"said": _line(self.failed_runs.get(evaluation))}
        cells = [cell for cell in cells_of(self.project, evaluation) if cell.candidate == change.subject]
        return {"said": _line(self._failures(cells))}

    def _failures(self, cells: list[Cell]) -> str:
        """Why the predictions of a cell failed: the kind of failure that came most often, and its message."""
        found = [rows for rows in failed_rows(self.warehouse, cells) if rows.what == "predictions"]
        return "; ".join(
            f"{rows.n_failed:,} of {rows.n_total:,} {next(iter(rows.kinds))}: {rows.reason or 'no message'}"
            for rows in found
        )


def _listed(lines: "Iterator[str] | list[str]") -> list[str]:
    """The first few lines, and how many more there are."""
    found = [_line(line) for line in lines]
    more = len(found) - MOST_LINES
    return [*found[:MOST_LINES], *([f"and {more:,} more"] if more > 0 else [])]


def _line(text: str | None) -> str:
    return shortened(text, LINE_CHARACTERS)
