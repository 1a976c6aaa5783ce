"""Examples on which people and a judge say the same, on which they don't, and those that nobody labelled."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from eval_assets.calibration.given_labels import labels_version, stored_labels, used_labels
from eval_assets.calibration.labelled import labelled_verdicts
from eval_assets.calibration.labelling import Labelling
from eval_assets.config.scales import Scale
from eval_assets.errors import ViewError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.stages.judge_agreement import labels_of
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.column_rows import ColumnRows
from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.score_index import Marks, ScoreIndex
from eval_assets.viewer.viewed_project import ViewedProject

MOST_KEPT = 40
OF_VERDICTS = (
    "prediction_id", "model", "prompt", "example_id", "judge", "juror", "draw", "score", "score_id", "justification",
)  # fmt: skip


def judge_of(report: EvaluationReport, metric: str | None) -> str | None:
    """The judge that people agree with or not: a metric that is one, else the evaluation's first; null without any."""
    judges = report.evaluation.file.judges
    return metric if metric in judges else next(iter(judges), None)


class PeopleMarks:
    """Holds labels against verdicts, and keeps what came of it until either changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], pl.DataFrame] = OrderedDict()
        self._lock = Lock()

    def marks(self, project: ViewedProject, report: EvaluationReport, index: ScoreIndex, view: GridView) -> Marks:
        """Examples on which people say what the view asks for, of any column or of the one it is about.

        Raises:
            ViewError: The evaluation has no judge.
            ConfigError: The judge has no file any more.
        """
        names = (view.of,) if view.of else view.columns
        found = self.labelled(project, report, index, view.metric, names)
        of_kind = {
            "agrees": [frame.filter("agrees") for frame in found.values()],
            "disagrees": [frame.filter(~pl.col("agrees")) for frame in found.values()],
        }.get(view.human, list(found.values()))
        marks = np.zeros(index.n_examples, dtype=bool)
        for frame in of_kind:
            marks |= index.rows_of(frame["example_id"])
        return ~marks if view.human == "unlabelled" else marks

    def labelled(
        self,
        project: ViewedProject,
        report: EvaluationReport,
        index: ScoreIndex,
        metric: str | None,
        names: Sequence[str],
    ) -> Mapping[str, pl.DataFrame]:
        """Column → a row per example that people labelled: `example_id`, `agrees` and `said`, who gave which label."""
        judge, evaluation, warehouse = judge_of(report, metric), report.evaluation, project.warehouse
        if judge is None:
            raise ViewError(f"human: {evaluation.name} has no judge that people could agree with")
        version = labels_version(warehouse, evaluation.file.dataset, [judge])
        of_files = warehouse.last_commit("labels", {"dataset": evaluation.file.dataset})
        key = (index.version, judge, version, of_files and of_files.version)
        scale = None
        found: dict[str, pl.DataFrame] = {}
        for name in names:
            with self._lock:
                kept = self._kept.get((*key, name))
            if kept is None:
                scale = scale or Labelling(project.files(), warehouse, evaluation.name).scale_of(judge)
                kept = _held_against(warehouse, evaluation.file.dataset, index.columns[name], judge, scale)
            with self._lock:
                self._kept[(*key, name)] = kept
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            found[name] = kept
        return found


def _held_against(warehouse: Warehouse, dataset: str, column: ColumnRows, judge: str, scale: Scale) -> pl.DataFrame:
    labels = labels_of(used_labels(stored_labels(warehouse, dataset)), warehouse, dataset)
    labelled = pl.col("example_id").is_in(labels["example_id"].unique().implode())
    cell = [pl.lit(value).alias(name) for name, value in column.cell.items()]  # labels name models and prompts
    verdicts, predictions = (
        column.scan(warehouse, table).with_columns(cell).filter(labelled).select(names).collect()
        for table, names in (("judge_scores", OF_VERDICTS), ("predictions", ("prediction_id", "output")))
    )
    outputs = labelled_verdicts(verdicts, predictions, labels, judge=judge, scale=scale).labelled
    return outputs.group_by("example_id", maintain_order=True).agg(
        agrees=(pl.col("verdict") == pl.col("human_verdict")).all(), said=pl.col("human_label").first()
    )
