"""Rows of predictions for the tests of metrics, and how metrics see them."""

import json

import polars as pl

from eval_assets.config.evaluation import MetricChoice
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.tables.cell_tables import PREDICTIONS

CELL = {"evaluation": "exam", "model": "parrot", "prompt": "plain"}


def prediction_frame(outputs, targets=None, *, context=None, examples=None, **columns):
    """Rows of `predictions` as the storage has them: what is not text in an example is kept as JSON text."""
    n_rows = len(outputs)
    given = [
        {"targets": target, "context": text, **extra}
        for target, text, extra in zip(
            targets or [None] * n_rows, context or [None] * n_rows, examples or [{}] * n_rows, strict=True
        )
    ]
    stored = {
        name: [v if v is None or isinstance(v, str) else json.dumps(v) for v in (row[name] for row in given)]
        for name in ("targets", "context")
    }
    example = [json.dumps({k: v for k, v in row.items() if v is not None}) for row in given]
    values = {
        **{name: [value] * n_rows for name, value in CELL.items()},
        "prediction_id": [f"p-{row}" for row in range(n_rows)],
        "example_id": [f"e-{row}" for row in range(n_rows)],
        "position": list(range(n_rows)),
        "sample_index": [0] * n_rows,
        "output": list(outputs),
        "outcome": ["ok"] * n_rows,
        "example": example,
        "example_sha256": example,
        **stored,
        **columns,
    }
    return pl.DataFrame(
        {name: pl.Series(values.get(name, [None] * n_rows), dtype=kind) for name, kind in PREDICTIONS.items()}
    )


def resolved(metric, *, label=None, function=None, version=None, **parameters):
    """One metric with parameters, without the defaults of a task."""
    choice = MetricChoice(metric=metric, label=label, function=function, version=version, parameters=parameters)
    without = ("toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count")
    return resolve_metrics("text", (choice,), tuple(name for name in without if name != metric))


def score_rows(metric, outputs, targets=None, *, context=None, **parameters):
    """Rows of `heuristic_metrics` of one metric."""
    frame = prediction_frame(outputs, targets, context=context)
    frames = score_predictions([frame], resolved(metric, **parameters), previous=None, cell=CELL, run_id="r1")
    return pl.concat(list(frames))


def scores(metric, outputs, targets=None, **parameters):
    """The scores of one metric, null where there is none."""
    return score_rows(metric, outputs, targets, **parameters)["score"].to_list()


def test_targets_that_were_a_list_are_acceptable_texts():
    frame = prediction_frame(["x", "y"], [["1972", "December 1972"], "[not a list]"])
    assert Rows(frame).targets == [("1972", "December 1972"), ("[not a list]",)]


def test_text_metrics_take_the_best_of_several_targets():
    assert scores("exact_match", ["b", "c"], [["a", "b"], ["a", "b"]]) == [1.0, 0.0]
    # against "x y": overlap 2 of 2 and 3 tokens: 2*2/(2+3) = 0.8; against "z": 0
    assert scores("token_f1", ["x y w"], [["z", "x y"]]) == [0.8]


def test_a_row_without_targets_is_skipped_and_not_wrong():
    rows = score_rows("rouge1", ["a", "b", "[]"], [None, [], "[]"])
    assert rows["outcome"].to_list() == ["skipped", "skipped", "ok"]
    assert rows["reason"].to_list() == ["no targets", "no targets", None]
    assert rows["score"].to_list() == [None, None, 0.0]


def test_an_empty_list_of_relevant_documents_is_a_target():
    assert scores("recall_at_k", ["[]", '["a"]'], [[], []]) == [1.0, 0.0]


def test_a_value_has_the_type_the_dataset_gave_it():
    frame = prediction_frame(["x"], [18], examples=[{"difficulty": 3}], latency_seconds=[0.5])
    rows = Rows(frame, {"token_f1": [0.25]})
    names = ("targets", "difficulty", "latency_seconds", "token_f1", "absent", "predictions")
    assert [rows.value(name) for name in names] == [[18], [3], [0.5], [0.25], [None], ["x"]]
