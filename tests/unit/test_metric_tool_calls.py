"""Metrics of tool calls: names and arguments against those that a row expects."""

import json
from typing import Any

import polars as pl
import pytest

from eval_assets.metrics.scoring.prediction_scores import score_predictions
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved


def made(name: str, arguments: Any, call_id: str = "c1") -> dict[str, Any]:
    """A call as OpenAI's chat has it; arguments that are text stand as they are."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": written}}


def expected(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def scored(metric: str, calls: list[Any] | None, targets: Any, *, outcome: str = "ok", **parameters: Any) -> dict:
    """The one score of a reply with these calls and no text."""
    frame = prediction_frame(
        [None], examples=[{"wanted": targets}], tool_calls=[None if calls is None else json.dumps(calls)],
        outcome=[outcome],
    )  # fmt: skip
    metrics = resolved(metric, column="wanted", **parameters)
    frames = score_predictions([frame], metrics, previous=None, cell=CELL, run_id="r1")
    (row,) = pl.concat(list(frames)).to_dicts()
    return row


OSLO, ROME = expected("weather", city="Oslo", days=1), expected("weather", city="Rome")
MADE_OSLO, MADE_ROME = made("weather", {"days": 1.0, "city": "Oslo"}), made("weather", {"city": "Rome"})


@pytest.mark.parametrize(
    ("calls", "targets", "match", "precision", "recall"),
    [
        ([MADE_OSLO, MADE_ROME], [OSLO, ROME], 1, 1, 1),  # 1.0 is 1, keys in any order
        ([MADE_OSLO], [OSLO, ROME], 0, 1, 1 / 2),
        ([MADE_OSLO, MADE_OSLO], [OSLO], 0, 1 / 2, 1),  # one expected call is met once
        ([made("weather", {"city": "Oslo", "days": True})], [OSLO], 0, 0, 0),  # true is not 1
        ([made("forecast", {"city": "Rome"})], [ROME], 0, 0, 0),
        (None, [OSLO], 0, 0, 0),
        (None, [], 1, 1, 1),
        ([MADE_OSLO], [], 0, 0, 0),
        ([made("now", ""), made("here", "{}")], [expected("now"), {"name": "here"}], 1, 1, 1),
        ([MADE_ROME], {"name": "weather", "kwargs": {"city": "Rome"}}, 1, 1, 1),  # one call, as tau-bench writes it
        ([MADE_ROME], json.dumps([ROME]), 1, 1, 1),
        ([{"type": "tool_use", "name": "weather", "input": {"city": "Rome"}}], [ROME], 1, 1, 1),  # Anthropic's shape
        ([made("weather", '{"city": "Rome"'), MADE_ROME], [ROME], 0, 1 / 2, 1),  # no JSON: made, and wrong
    ],
)
def test_calls_are_compared_by_name_and_arguments(
    calls: list[Any] | None, targets: Any, match: float, precision: float, recall: float
) -> None:
    found = [scored(f"tool_call_{what}", calls, targets) for what in ("match", "precision", "recall")]
    assert [(row["score"], row["outcome"]) for row in found] == [(match, "ok"), (precision, "ok"), (recall, "ok")]


def test_order_and_arguments_count_unless_said_otherwise() -> None:
    swapped = [MADE_ROME, MADE_OSLO]
    row = scored("tool_call_match", swapped, [OSLO, ROME])
    assert (row["score"], row["reason"]) == (0.0, "the calls come in another order")
    assert scored("tool_call_match", swapped, [OSLO, ROME], ordered=False)["score"] == 1.0
    assert scored("tool_call_match", [MADE_ROME], [OSLO], arguments=False)["score"] == 1.0


def test_the_reason_says_what_is_missing_too_much_and_unreadable() -> None:
    row = scored("tool_call_match", [made("weather", "{Oslo")], [ROME])
    assert row["reason"] == (
        'not called: weather(city="Rome"); not expected: weather({Oslo); '
        "the arguments of weather are no JSON: '{Oslo'"
    )


@pytest.mark.parametrize(
    ("calls", "score", "outcome", "reason"),
    [
        ([MADE_OSLO, made("now", "")], 1.0, "ok", None),
        ([made("weather", "{Oslo")], 0.0, "ok", "the arguments of weather are no JSON: '{Oslo'"),
        ([made("weather", "[1]")], 0.0, "ok", "the arguments of weather are no object: [1]"),
        ([{"id": "c1"}], 0.0, "ok", "expected a call with a name, got {'id': 'c1'}"),
        (None, None, "skipped", "no calls"),
    ],
)
def test_unreadable_calls_are_counted(calls: Any, score: float | None, outcome: str, reason: str | None) -> None:
    frame = prediction_frame(["Hm."], tool_calls=[None if calls is None else json.dumps(calls)])
    frames = score_predictions([frame], resolved("tool_call_validity"), previous=None, cell=CELL, run_id="r1")
    (row,) = pl.concat(list(frames)).to_dicts()
    assert (row["score"], row["outcome"], row["reason"]) == (score, outcome, reason)


def test_rows_without_expectation_or_with_an_odd_one_have_no_score() -> None:
    row = scored("tool_call_match", [MADE_OSLO], None)
    assert (row["score"], row["outcome"], row["reason"]) == (None, "skipped", "no wanted")
    row = scored("tool_call_recall", [MADE_OSLO], "weather in Oslo")
    assert (row["score"], row["outcome"]) == (None, "error")
    assert row["reason"] == "wanted: expected a list of calls with `name` and `arguments`, got 'weather in Oslo'"
    assert scored("tool_call_match", [MADE_OSLO], [{"city": "Oslo"}])["outcome"] == "error"


def test_calls_of_tools_that_nobody_gave_are_scored_too() -> None:
    assert scored("tool_call_match", [MADE_ROME], [ROME], outcome="tool_call")["score"] == 1.0
    row = scored("tool_call_match", [MADE_ROME], [ROME], outcome="truncated")
    assert (row["score"], row["reason"]) == (None, "prediction truncated")


def test_other_calls_are_another_score() -> None:
    ids = {scored("tool_call_match", calls, [ROME])["score_id"] for calls in ([MADE_ROME], [MADE_OSLO], None)}
    assert len(ids) == 3


def test_text_metrics_leave_replies_of_calls_alone() -> None:
    frame = prediction_frame([None], ["x"], tool_calls=[json.dumps([MADE_OSLO])])
    frames = score_predictions([frame], resolved("contains"), previous=None, cell=CELL, run_id="r1")
    (row,) = pl.concat(list(frames)).to_dicts()
    assert (row["score"], row["outcome"], row["reason"]) == (None, "skipped", "no output")
