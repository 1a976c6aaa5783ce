"""Two states of a candidate compared: what changed, on which examples, and what it did. Nothing is sent."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from eval_assets.config.candidate import cell_key
from eval_assets.config.evaluation import Evaluation
from eval_assets.errors import RowsGoneError
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.computed.state_effects import (
    PAIRED_COLUMNS,
    effects,
    groups_of_both,
    paired_scores,
    row_states,
)
from eval_assets.reports.states.cause import causes_json
from eval_assets.reports.states.timeline import row_versions
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.former_states import FormerState, StateBook
from eval_assets.stages.scores_between import StateRows, scores_between
from eval_assets.stages.state_causes import RowCounts, causes_between
from eval_assets.storage.former_rows import rows_in_version
from eval_assets.tables.cell_tables import CELL_TABLES
from eval_assets.tables.change_tables import CHANGE_EFFECTS, CHANGES, PAIRED_SCORES

MOST_NAMED = 50
"""Ids of examples that are kept by name, of each kind."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a comparison of states is made with.

    Args:
        room: Project, warehouse and reply store.
        book: The states of the evaluation.
        evaluation: As stored.
        facts: Metric or judge name → its direction and range; scores of others don't count.
        cluster: Column of the dataset that says which examples depend on each other.
    """

    room: EngineRoom
    book: StateBook
    evaluation: Evaluation
    facts: Mapping[str, MetricFacts]
    cluster: str | None


@dataclass(frozen=True, slots=True)
class ComparedStates:
    """A candidate held against former states: rows of the tables of these names."""

    changes: pl.DataFrame
    change_effects: pl.DataFrame
    paired_scores: pl.DataFrame

    @property
    def former_rows(self) -> list[tuple[str, str]]:
        """Rows of former states that are looked at again: partition, as `table/key`, and data version."""
        return [
            (f"{table}/{cell_key(row)}", data_version)
            for row in self.changes.drop_nulls("former_versions").iter_rows(named=True)
            for table, data_version in json.loads(row["former_versions"]).items()
        ]

    @classmethod
    def together(cls, parts: "Collection[ComparedStates]") -> "ComparedStates":
        """Those of several candidates in one."""
        return cls(
            pl.concat([pl.DataFrame(schema=CHANGES), *(part.changes for part in parts)]),
            pl.concat([pl.DataFrame(schema=CHANGE_EFFECTS), *(part.change_effects for part in parts)]),
            pl.concat([pl.DataFrame(schema=PAIRED_SCORES), *(part.paired_scores for part in parts)]),
        )


def compare_if_there(
    looked: Looked, former: FormerState | None, now: FormerState, *, since: str, run_id: str
) -> ComparedStates:
    """As `compare_with`; where maintenance has removed the former rows, what changed alone, and no counts."""
    try:
        return compare_with(looked, former, now, since=since, run_id=run_id)
    except RowsGoneError:
        if former is None:
            raise
        alone = compare_with(looked, None, now, since=since, run_id=run_id)
        causes = causes_between(looked.book, former.state, now.state, RowCounts(0, (), (), ()))
        known = {**alone.changes.row(0, named=True), **_known_of(former), "causes": causes_json(causes)}
        return replace(alone, changes=_frame([known], CHANGES))


def compare_with(
    looked: Looked, former: FormerState | None, now: FormerState, *, since: str, run_id: str
) -> ComparedStates:
    """Hold a state of a candidate against an earlier one.

    Args:
        looked: What it is made with.
        former: The earlier state; null: there is none, which is one row that says so.
        now: The later one.
        since: How the earlier one is called.
        run_id: Recorded with every row.

    Raises:
        RowsGoneError: Maintenance has removed rows of one of them.
    """
    named = {**now.state.cell, "since": since}
    versions = json.dumps(row_versions(now.state))
    row: dict[str, Any] = {
        **named,
        "state": now.state.state,
        "state_at": now.began_at,
        "causes": "[]",
        "versions": versions,
        "run_id": run_id,
    }
    if former is None:
        return ComparedStates(_frame([row], CHANGES), _frame([], CHANGE_EFFECTS), _frame([], PAIRED_SCORES))
    before, after = (_rows_of(looked, each) for each in (former, now))
    rows = row_states(before.predictions, after.predictions)
    ids = {kind: rows.filter(row=kind)["example_id"].to_list() for kind in ("same", "edited", "added", "removed")}
    counts = RowCounts(len(ids["same"]), *(tuple(ids[kind]) for kind in ("edited", "added", "removed")))
    other = rows.filter("is_answered_otherwise")["example_id"].to_list()
    between = scores_between(looked.room, looked.book, looked.evaluation, before, after, same=ids["same"], other=other)
    pairs = paired_scores(rows, before.scores, after.scores, between)
    groups = groups_of_both(before.predictions, after.predictions, looked.cluster)
    found = effects(pairs, looked.evaluation, looked.facts, groups)
    row |= {
        **_known_of(former),
        "causes": causes_json(causes_between(looked.book, former.state, now.state, counts)),
        **{f"n_{kind}": len(of_kind) for kind, of_kind in ids.items()},
        "examples": json.dumps({kind: ids[kind][:MOST_NAMED] for kind in ("edited", "added", "removed")}),
        "n_other_outputs": len(other),
        "former_versions": json.dumps(row_versions(former.state)),
    }
    mark = [pl.lit(value).alias(name) for name, value in {**named, "run_id": run_id}.items()]
    return ComparedStates(
        _frame([row], CHANGES),
        found.with_columns(mark).select(list(CHANGE_EFFECTS)),
        pairs.select(PAIRED_COLUMNS).with_columns(mark).select(list(PAIRED_SCORES)),
    )


def _known_of(former: FormerState) -> dict[str, Any]:
    return {
        "former_state": former.state.state,
        "former_at": former.began_at,
        "former_run_id": former.run_id,
    }


def _rows_of(looked: Looked, chosen: FormerState) -> StateRows:
    """The rows of a state, of the metrics that count, in the order of the dataset."""
    state, versions = chosen.state, row_versions(chosen.state)
    frames = {
        table: rows_in_version(looked.room.warehouse, table, state.cell, versions[table]).collect()
        if table in versions
        else pl.DataFrame(schema=CELL_TABLES[table])
        for table in ("predictions", "heuristic_metrics", "judge_scores")
    }
    counted = list(looked.facts)
    return StateRows(
        state,
        frames["predictions"].sort("position", "sample_index"),
        _in_order(frames["heuristic_metrics"], "metric", counted),
        _in_order(frames["judge_scores"], "judge", counted),
    )


def _in_order(rows: pl.DataFrame, column: str, counted: list[str]) -> pl.DataFrame:
    place = pl.col(column).cast(pl.Enum(counted))
    return rows.filter(pl.col(column).is_in(counted)).sort("position", "sample_index", place)


def _frame(rows: list[dict[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(schema))
