"""What changed in each candidate since a former state of it, read from tables: what every renderer starts from."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypedDict

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.candidate_report import Row
from eval_assets.reports.computed.history import TrendPoint, trend
from eval_assets.reports.computed.state_effects import ENDS, scores_of_part
from eval_assets.reports.computed.two_states import BEFORE, NOW, under_name
from eval_assets.reports.flips import READ_OF_PREDICTIONS, Flip, changed_examples, flips, most_changed
from eval_assets.reports.states.cause import Cause, causes_of_json
from eval_assets.statistics.comparison.paired import DECIMALS
from eval_assets.storage.former_rows import rows_in_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE

SINCE = "previous"


class _Held(TypedDict):
    """What is held against what."""

    metric: str
    candidate: str
    baseline: str
    greater_is_better: bool


@dataclass(frozen=True, slots=True)
class CandidateChange:
    """One candidate held against a former state of itself.

    Args:
        row: Of the table `changes`.
        effects: Rows of `change_effects`, all parts.
        pairs: Rows of `paired_scores`.
        former_predictions: Reads the former state's replies on the examples with these ids, as `flips` needs them.
        predictions: Likewise the present ones.
    """

    row: Row
    effects: tuple[Row, ...]
    pairs: pl.DataFrame = field(repr=False)
    former_predictions: Callable[[pl.Series], pl.DataFrame] = field(repr=False)
    predictions: Callable[[pl.Series], pl.DataFrame] = field(repr=False)

    @property
    def name(self) -> Candidate:
        """`model@prompt`."""
        return Candidate.of_row(self.row)

    @property
    def has_former(self) -> bool:
        """Whether there is a former state whose rows can be read."""
        return self.row["n_same"] is not None

    @property
    def former_at(self) -> datetime:
        """When the former state was computed, UTC."""
        found: datetime = self.row["former_at"]
        return found

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What changed since."""
        return causes_of_json(self.row["causes"])

    @property
    def examples(self) -> Mapping[str, list[str]]:
        """Ids of examples that were edited, added and removed, the first of many."""
        found: dict[str, list[str]] = json.loads(self.row["examples"] or "{}")
        return found

    def effects_of(self, part: str) -> dict[str, Row]:
        """Metric → what one part of the change did to it."""
        return {row["metric"]: row for row in self.effects if row["part"] == part}

    def worse_rows(self, metric: str, *, at_most: int) -> list[tuple[str, float, float]]:
        """Examples, the same word for word in both states, that score worse now: id, score before and now, worst first.

        Args:
            metric: Metric or judge name.
            at_most: How many.
        """
        effect = self.effects_of("all")[metric]
        before, now = ENDS[effect["scoring"], "all"]
        sign = -1.0 if effect["greater_is_better"] is False else 1.0
        both = self.pairs.filter(metric=metric, row="same").select("example_id", before=before, now=now)
        improvement = (sign * (pl.col("now") - pl.col("before"))).round(DECIMALS)
        worse = both.with_columns(improvement=improvement).filter(pl.col("improvement") < 0)
        return worse.sort("improvement", "example_id").head(at_most).select("example_id", "before", "now").rows()

    def flips(self, metric: str, *, at_most: int = 10) -> tuple[Flip, ...]:
        """Examples, the same word for word in both states, that score otherwise now, worst first.

        Raises:
            StorageError: Maintenance has removed the former replies.
        """
        effect = self.effects_of("all").get(metric)
        if effect is None or not (effect["n_better"] or effect["n_worse"]):
            return ()
        scores = scores_of_part(self.pairs.filter(metric=metric), "all")
        held: _Held = {
            "metric": metric,
            "candidate": NOW,
            "baseline": BEFORE,
            "greater_is_better": effect["greater_is_better"] is not False,
        }
        ids = most_changed(changed_examples(scores, **held), at_most)["example_id"]
        both = [under_name(NOW, self.predictions(ids)), under_name(BEFORE, self.former_predictions(ids))]
        return flips(scores, pl.concat(both), **held, at_most=at_most)


@dataclass(frozen=True, slots=True)
class ChangesReport:
    """The candidates of an evaluation, each held against a former state of itself.

    Args:
        since: How the former state is called.
        candidates: In the evaluation's order; one that was never computed is left out.
        history: Rows of `aggregate_history`.
    """

    since: str = SINCE
    candidates: tuple[CandidateChange, ...] = ()
    history: pl.DataFrame | None = None

    @property
    def with_former(self) -> tuple[CandidateChange, ...]:
        """Candidates that have a former state, the one that changed last first."""
        found = [each for each in self.candidates if each.has_former]
        return tuple(sorted(found, key=lambda each: each.row["state_at"], reverse=True))

    @property
    def are_told(self) -> bool:
        """Whether any candidate has a former state, be its rows there or gone."""
        return any(each.row["former_state"] is not None for each in self.candidates)

    def trend(self, candidate: str, metric: str) -> tuple[TrendPoint, ...]:
        """A candidate's mean over its states so far."""
        return () if self.history is None else trend(self.history, candidate=candidate, metric=metric)


def load_changes(warehouse: Warehouse, evaluation: Evaluation) -> ChangesReport:
    """What changed since the state before, as last computed.

    Args:
        warehouse: Where the tables are.
        evaluation: The evaluation; candidates that it no longer has are left out.
    """
    partition = {"evaluation": evaluation.name}
    tables = (
        warehouse.scan(table, partition).filter(pl.col("since") == SINCE).collect()
        for table in ("changes", "change_effects", "paired_scores")
    )
    return changes_report(warehouse, evaluation, *tables, since=SINCE)


def changes_report(
    warehouse: Warehouse,
    evaluation: Evaluation,
    changes: pl.DataFrame,
    effects: pl.DataFrame,
    pairs: pl.DataFrame,
    *,
    since: str,
) -> ChangesReport:
    """Put a report together.

    Args:
        warehouse: Where predictions and the history are.
        evaluation: The evaluation.
        changes: Rows of `CHANGES`.
        effects: Rows of `CHANGE_EFFECTS`.
        pairs: Rows of `PAIRED_SCORES`.
        since: How the former states are called.
    """
    by_name = {Candidate.of_row(row): row for row in changes.iter_rows(named=True)}
    return ChangesReport(
        since,
        tuple(
            CandidateChange(
                by_name[name],
                _what_decides_first(effects.filter(name == CANDIDATE).iter_rows(named=True), evaluation),
                pairs.filter(name == CANDIDATE),
                partial(_predictions, warehouse, by_name[name], "former_versions"),
                partial(_predictions, warehouse, by_name[name], "versions"),
            )
            for name in evaluation.candidates
            if name in by_name
        ),
        warehouse.scan("aggregate_history", {"evaluation": evaluation.name}).collect(),
    )


def _what_decides_first(rows: Iterable[Row], evaluation: Evaluation) -> tuple[Row, ...]:
    """Rows of `change_effects`: what the file names, as it orders them, then what else is tested, then the others."""
    named = [name for name in dict.fromkeys((evaluation.file.primary, *evaluation.file.named)) if name is not None]
    place = {name: number for number, name in enumerate(named)}
    return tuple(sorted(rows, key=lambda row: (place.get(row["metric"], len(named)), row["verdict"] is None)))


def _predictions(warehouse: Warehouse, row: Row, column: str, example_ids: pl.Series) -> pl.DataFrame:
    """Some predictions of the state whose data versions stand in a column of `changes`."""
    version = json.loads(row[column])["predictions"]
    rows = rows_in_version(warehouse, "predictions", _cell(row), version)
    return rows.filter(pl.col("example_id").is_in(example_ids.implode())).select(READ_OF_PREDICTIONS).collect()


def _cell(row: Row) -> dict[str, str]:
    return {name: row[name] for name in ("evaluation", "model", "prompt")}
