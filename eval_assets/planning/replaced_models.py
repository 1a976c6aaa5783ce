"""Rows whose model was replaced by its provider since: nothing in the files says so, the replies do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from eval_assets.config.project import Project
from eval_assets.planning.unanswered import ASKED
from eval_assets.providers.identity import lane_of_model
from eval_assets.stages.graph import Cell, Place, WholeEvaluation, judge_models_of
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS
from eval_assets.storage.replies.model_changes import ModelChange, last_change
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.numbers import count_text

MODEL_OF = {"predictions": "model", "judge_scores": "judge_model", "pairwise_preferences": "judge_model"}
"""Table whose rows are replies → its column that names the model."""

IS_REPLY = {
    "predictions": pl.col("response_id").is_not_null(),
    "judge_scores": pl.col("response_id").is_not_null(),
    "pairwise_preferences": pl.col("outcome") != "error",  # such a one is asked again whoever answers
}
"""Table → which of its rows a model gave."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Rows of one partition of a table that another model gave than the one that answers now.

    Args:
        table: One of `MODEL_OF`.
        model: Name of its file.
        change: When what replaced what.
        n_rows: How many.
    """

    table: str
    model: str
    change: ModelChange
    n_rows: int

    @property
    def rows(self) -> str:
        """How many of what."""
        return count_text(self.n_rows, ASKED[self.table])

    @property
    def said(self) -> str:
        """What happened."""
        since = f"{self.change.changed_at:%Y-%m-%d %H:%M}"
        return f"model {self.model} answers as {self.change.now} since {since}, before as {self.change.former}"


@dataclass(frozen=True, slots=True)
class ReplacedModels:
    """Looks at each model's replies once; make a new one after a run.

    Args:
        project: The files as they stand.
        warehouse: The tables.
    """

    project: Project
    warehouse: Warehouse
    _changes: dict[str, ModelChange | None] = field(default_factory=dict)

    def of(self, table: str, place: Place) -> Iterator[Replaced]:
        """Rows of a cell, or of an evaluation as a whole, that a model gave which is no longer there."""
        if table not in MODEL_OF:
            return
        for name in self._models(table, place):
            change = self._change(name)
            if change is not None:  # rows are read only then
                rows = self.warehouse.scan(table, place.partition).filter(
                    pl.col(MODEL_OF[table]) == name,
                    IS_REPLY[table],
                    pl.col("requested_at") < change.changed_at,
                )
                if n_rows := rows.select(pl.len()).collect().item():
                    yield Replaced(table, name, change, n_rows)

    def causes(self, table: str, place: Place) -> Iterator[str]:
        """Why a partition is stale whose models' files follow such changes, a line per model."""
        for replaced in self.of(table, place):
            if self._follows(replaced.model):
                yield f"{replaced.said}: {replaced.rows} asked again"

    def remarks(self, cells: Sequence[Cell]) -> Iterator[str]:
        """One line for each model that was replaced and whose file doesn't follow, in cells and their evaluations."""
        found: dict[tuple[str, str], list[Replaced]] = {}
        places: list[Place] = [*cells, *dict.fromkeys(WholeEvaluation(cell.evaluation) for cell in cells)]
        for place in places:
            for table in OF_CELLS if isinstance(place, Cell) else OF_EVALUATIONS:
                for replaced in self.of(table, place):
                    if not self._follows(replaced.model):
                        found.setdefault((replaced.model, table), []).append(replaced)
        for (model, table), alike in found.items():
            rows = count_text(sum(one.n_rows for one in alike), ASKED[table])
            remedy = f"`follow_changes: true` in data/models/{model}.yaml has them asked again"
            yield f"{alike[0].said}: {rows} of {alike[0].change.former} or earlier; {remedy}"

    def _models(self, table: str, place: Place) -> list[str]:
        """Models that gave the rows of a table, as the files have it."""
        if table == "predictions":
            assert isinstance(place, Cell)  # noqa: S101  whose table it is
            return [place.model]
        file = self.project.evaluation(place.evaluation).file
        judges = file.judges if table == "judge_scores" else [file.pairwise.judge] if file.pairwise else []
        return sorted({model for judge in judges for model in judge_models_of(self.project, judge)})

    def _change(self, model: str) -> ModelChange | None:
        if model not in self._changes:
            known = self.project.models.get(model)
            self._changes[model] = None if known is None else last_change(self.warehouse, lane_of_model(known.item))
        return self._changes[model]

    def _follows(self, model: str) -> bool:
        return self.project.model(model).file.follow_changes
