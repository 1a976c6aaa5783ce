"""Scores that worker processes compute are those that one process computes."""

import polars as pl

from eval_assets.config.evaluation import MetricChoice
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from tests.unit.test_metric_custom import choice, metrics_of, module  # noqa: F401  a fixture
from tests.unit.test_metric_rows import CELL, prediction_frame
from tests.unit.test_metric_scoring import run, written


def test_scores_do_not_depend_on_the_number_of_workers():
    metrics = resolve_metrics("question-answering", (MetricChoice(metric="rougeL"),))
    frame = written(60)
    alone, alone_report = run([frame], metrics)
    together, report = run([frame], metrics, workers=2, batch_rows=8)
    assert together.equals(alone)
    assert report == alone_report


def test_functions_of_the_user_are_scored_by_workers_too(module):  # noqa: F811  the fixture
    frame = prediction_frame(["a b"] * 9, ["a"] * 9)
    metrics = metrics_of(choice("corrected"), MetricChoice(metric="token_f1"), choice("is_short"))
    options = {"previous": None, "cell": CELL, "run_id": "r1"}
    alone = pl.concat(list(score_predictions([frame], metrics, **options)))
    together = pl.concat(list(score_predictions([frame], metrics, workers=2, batch_rows=2, **options)))
    assert together.equals(alone)
