"""Means over time, and what changed between two points."""

from datetime import timedelta

import polars as pl

from eval_assets.reports.computed.history import CellVersions, history_rows, trend
from eval_assets.tables.evaluation_tables import AGGREGATE_HISTORY
from tests.report_rows import NOON, SHARE, aggregated, scored

FIRST = CellVersions(prompt_version=1, model_version=1, evaluation_version=1, dataset_sha256="a" * 64)


def point(day, scores, versions=FIRST):
    return history_rows(
        aggregated(scored(scores), {"token_f1": SHARE}),
        recorded_at=NOON + timedelta(days=day),
        versions={"m@p": versions},
        cost_usd={"m@p": 0.25},
        run_id=f"run-{day}",
    )


def the_trend(*rows):
    return trend(pl.concat(rows), candidate="m@p", metric="token_f1")


def test_a_point_holds_mean_interval_counts_cost_and_run() -> None:
    row = point(0, [0.5, 1.0, None]).row(0, named=True)
    assert (row["mean"], row["n_total"], row["n_scored"], row["cost_usd"]) == (0.75, 3, 2, 0.25)
    assert (row["run_id"], row["prompt_version"], row["recorded_at"]) == ("run-0", 1, NOON)
    assert dict(point(0, [0.5]).schema) == AGGREGATE_HISTORY


def test_points_come_oldest_first_with_what_changed_since_the_one_before() -> None:
    second = CellVersions(prompt_version=2, model_version=1, evaluation_version=1, dataset_sha256="b" * 64)
    points = the_trend(point(1, [0.9], second), point(0, [0.5]))
    assert [entry.mean for entry in points] == [0.5, 0.9]
    assert points[0].changes == ()
    assert [str(change) for change in points[1].changes] == ["prompt 1 to 2", "dataset aaaaaaaa to bbbbbbbb"]


def test_a_run_that_changed_nothing_is_no_new_point() -> None:
    assert len(the_trend(point(0, [0.5]), point(1, [0.5]), point(2, [0.6]))) == 2


def test_a_mean_that_moved_without_any_changed_input_is_a_point_without_changes() -> None:
    assert the_trend(point(0, [0.5]), point(1, [0.6]))[1].changes == ()


def test_a_new_version_of_the_metric_counts_as_a_change() -> None:
    newer = point(1, [0.5]).with_columns(version=pl.lit("v2"))
    assert [str(change) for change in the_trend(point(0, [0.5]), newer)[1].changes] == ["metric v1 to v2"]


def test_another_candidate_has_another_trend() -> None:
    assert trend(point(0, [0.5]), candidate="other@p", metric="token_f1") == ()
