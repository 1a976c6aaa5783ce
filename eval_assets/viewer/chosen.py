"""What an address of a grid asks for, found in tables: the view, and which examples it shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.score_index import ScoreIndex


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an address asks for, found: the view, and which rows of the index it shows.

    Args:
        report: Of the evaluation; its rows aren't needed.
        view: As the address has it.
        default: Where it says nothing.
        index: Of the evaluation's candidates and of what is shown besides.
        rows: Of the index, in the view's order.
        dataset_columns: That examples have besides inputs, targets and context.
        doubt: Why the default view isn't the one of the file; empty where it is.
    """

    report: EvaluationReport
    view: GridView
    default: GridView
    index: ScoreIndex
    rows: NDArray[np.int64]
    dataset_columns: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def greater_is_better(self) -> bool:
        """Direction of the view's metric."""
        return greater_is_better(self.report, self.view.metric)

    def neighbours(self, example_id: str) -> tuple[str | None, str | None]:
        """The examples before and after one in the grid; null at its ends, and for one that it doesn't show."""
        ids = self.index.example_ids.gather(self.rows.tolist())
        place = ids.index_of(example_id)
        if place is None:
            return None, None
        before = ids[place - 1] if place else None
        return before, ids[place + 1] if place + 1 < ids.len() else None


def greater_is_better(report: EvaluationReport, metric: str | None) -> bool:
    """Direction of a metric; one without any counts upwards."""
    return metric is None or metric not in report.metrics or report.facts(metric)["greater_is_better"] is not False
