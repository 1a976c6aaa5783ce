"""Metric functions of the user: arguments, values, dependencies, staleness, messages."""

import importlib
import json
import math
import sys

import polars as pl
import pytest
from pydantic import ValidationError

from eval_assets.config.evaluation import MetricChoice
from eval_assets.config.given import GivenFunction
from eval_assets.errors import MetricError
from eval_assets.metrics.aggregations import extra_aggregates
from eval_assets.metrics.custom.handed_over import read_given_function
from eval_assets.metrics.custom.source import read_function
from eval_assets.metrics.registry import metric_fingerprint, resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.scores import score_rows
from eval_assets.stages.metric_facts import facts_of
from eval_assets.tables.cell_tables import JUDGE_SCORES
from tests.unit.test_metric_rows import CELL, prediction_frame

SOURCE = '''
"""Metrics of a team."""
import re
import sys
from typing import Literal

import polars as pl

LIMIT = 3

def is_short(output: str) -> bool:
    return len(output.split()) <= LIMIT

def level(output, difficulty, weight=1.0):
    return (len(output) * difficulty * weight, f"difficulty {difficulty}")

def tone(output):
    return "loud" if output.isupper() else "calm"

def lengths(output: pl.Series, latency_seconds: pl.Series) -> pl.Series:
    return output.str.len_chars() / latency_seconds

def corrected(token_f1, is_short):
    return token_f1 * is_short

def power(output):
    return 10.0 ** int(output)

def whole_power(output):
    return 10 ** int(output)

def powers(output: pl.Series):
    return 10.0 ** output.cast(pl.Float64)

def with_reason(output):
    return {"score": float(f"1e{output}"), "label": "big", "reason": "because"}

def huge(scores):
    return 10 ** 400

def full(output):
    return {"score": 1, "label": "fine", "reason": "because"}

def first_word(output):
    return float(output.split()[0])

def unsure(output):
    return None

def odd(output):
    return [1, 2]

def not_a_number(output):
    return float("nan")

def hen(egg):
    return egg

def egg(hen):
    return hen

def spread(scores):
    return max(scores) - min(scores)

def infinite(scores):
    return float("inf")

def fails(scores):
    return scores[99]

def wants_all(**columns):
    return 0

def wrong_length(output: pl.Series):
    return [1.0]

def are_short(output: pl.Series) -> list[bool]:
    return output.str.len_chars() < 3

def explained(output) -> tuple[bool, str] | None:
    return (len(output) < 3, "by its length")

def quoted(output) -> "bool":
    return len(output) < 3

def zero_or_one(output) -> Literal[0, 1]:
    return int(len(output) < 3)

def half(output) -> bool:
    return 0.5

def stars(output):
    return len(output)

def passes(output):
    return len(output) < 3

class Mine(Exception):
    def __str__(self):
        raise ValueError

def raises(output):
    if output == "exit":
        sys.exit(3)
    if output == "mine":
        raise Mine
    if output == "pattern":
        re.compile("(")
    if output == "file":
        open("nowhere")
    if output == "deep":
        return raises(output)
    if output == "next":
        next(iter(()))
    return 1

def odd_texts(output):
    return {"score": 1, "label": 7, "reason": "cut \\ud83d"}
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module `team_metrics` that can be imported, and rewritten by the test."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "team_metrics.py"
    path.write_text(SOURCE)
    yield path
    sys.modules.pop("team_metrics", None)
    importlib.invalidate_caches()


def choice(name, **fields):
    return MetricChoice(**{"metric": name.replace("_", "-"), "function": f"team_metrics:{name}"} | fields)


def metrics_of(*choices):
    without = ("toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count")
    return resolve_metrics("text", choices, without)


def score(frame, *choices, previous=None, run_id="r1"):
    scoring = score_predictions([frame], metrics_of(*choices), previous=previous, cell=CELL, run_id=run_id)
    return pl.concat(list(scoring))


def test_arguments_come_by_name_from_prediction_example_and_parameters(module):
    frame = prediction_frame(["ab", "abcd"], examples=[{"difficulty": 2}, {"difficulty": 3}])
    table = score(frame, choice("level", version="v3", parameters={"weight": 0.5}))
    assert table.select("metric", "version", "score", "reason").rows() == [
        ("level", "v3", 2.0, "difficulty 2"),  # 2 letters * 2 * 0.5
        ("level", "v3", 6.0, "difficulty 3"),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("is_short", (1.0, None, "ok", None)),
        ("tone", (None, "loud", "ok", None)),
        ("full", (1.0, "fine", "ok", "because")),
        ("unsure", (None, None, "skipped", "team_metrics:unsure gave no score")),
        ("first_word", (None, None, "error", "ValueError: could not convert string to float: 'HELLO'")),
        ("not_a_number", (None, None, "error", "expected a finite score, got nan")),
        ("lengths", (10.0, None, "ok", None)),  # 5 letters in 0.5 seconds
    ],
)
def test_a_function_may_return_what_its_number_is_and_why(module, name, expected):
    table = score(prediction_frame(["HELLO"], latency_seconds=[0.5]), choice(name))
    assert table.select("score", "label", "outcome", "reason").rows() == [expected]


def test_whatever_a_function_raises_costs_its_row_alone(module):
    frame = prediction_frame(["exit", "mine", "pattern", "file", "deep", "next", "sound"])
    table = score(frame, choice("raises"))
    assert table["outcome"].to_list() == ["error"] * 6 + ["ok"]
    assert table["score"].to_list() == [None] * 6 + [1.0]
    reasons = [reason.split(":")[0] for reason in table["reason"][:6]]
    assert reasons == ["SystemExit", "Mine", "error", "FileNotFoundError", "RecursionError", "StopIteration"]


def test_labels_and_reasons_are_kept_as_texts_that_a_table_holds(module):
    table = score(prediction_frame(["ab"]), choice("odd_texts"))
    assert table.select("score", "label", "reason").rows() == [(1.0, "7", "cut ?")]


@pytest.mark.parametrize("name", ["power", "whole_power", "powers", "with_reason"])
def test_a_score_too_large_to_be_described_is_an_error_of_its_row(module, name):
    table = score(prediction_frame(["75", "200", "300", "-300"]), choice(name))
    assert table["outcome"].to_list() == ["ok", "error", "error", "ok"]
    assert table["score"].to_list() == [pytest.approx(1e75), None, None, pytest.approx(0, abs=1e-200)]
    assert table["reason"][1].startswith("expected a score of at most 1e+75 in size, got 1e+200")
    row = reported(prediction_frame(["75", "200", "74"]), choice(name))
    assert (row["n_scored"], row["n_error"]) == (2, 1)
    assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))


def test_a_whole_number_beyond_all_floats_is_an_error_of_its_row(module):
    table = score(prediction_frame(["400"]), choice("whole_power"))
    assert table.select("score", "outcome", "reason").rows() == [
        (None, "error", "expected a finite score, got a whole number beyond all floats")
    ]


def test_a_score_too_large_that_an_earlier_version_kept_is_computed_anew(module):
    frame = prediction_frame(["200"])
    first = score(frame, choice("power")).with_columns(pl.lit(1e200).alias("score"), pl.lit("ok").alias("outcome"))
    assert score(frame, choice("power"), previous=first.lazy())["outcome"].to_list() == ["error"]


@pytest.mark.parametrize("name", ["mean", "variance", "p90", "min", "max", "median", "ratio"])
def test_aggregates_of_the_largest_scores_are_finite(name):
    [value] = extra_aggregates([name], [1e75, -1e75, 1e75]).values()
    assert math.isfinite(value)


@pytest.mark.parametrize(
    ("name", "is_binary"),
    [
        ("is_short", True),
        ("are_short", True),
        ("explained", True),
        ("quoted", True),
        ("zero_or_one", True),
        ("passes", False),  # returns booleans and doesn't say so
        ("level", False),
        ("lengths", False),
    ],
)
def test_a_function_annotated_as_boolean_is_known_to_give_0_or_1(module, name, is_binary):
    metrics = metrics_of(choice(name))
    facts = facts_of(metrics, ())[metrics[0].label]
    assert (facts.is_binary, facts.in_points) == (is_binary, is_binary)
    assert (facts.low, facts.high) == ((0, 1) if is_binary else (None, None))


@pytest.mark.parametrize(("name", "method"), [("quoted", "wilson"), ("are_short", "wilson"), ("passes", "t")])
def test_the_interval_of_booleans_follows_the_annotation(module, name, method):
    row = reported(prediction_frame(["a", "long", "b", "c"]), choice(name))
    assert (row["mean"], row["ci_method"]) == (0.75, method)


def test_the_evaluation_file_may_declare_a_range(module):
    [metric] = metrics_of(choice("stars", range=[0, 5]))
    facts = facts_of([metric], ())["stars"]
    assert (facts.low, facts.high, facts.is_binary) == (0, 5, False)


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("stars", {"range": [0, 5]}, "expected a score in the declared range, 0 to 5, got 7"),
        ("half", {}, "expected true or false, as the function is annotated, got 0.5"),
    ],
)
def test_a_score_that_the_metric_does_not_declare_is_an_error_of_its_row_and_no_crash(module, name, fields, reason):
    frame = prediction_frame(["1234567", "1234567"])
    table = score(frame, choice(name, **fields))
    assert table.select("score", "outcome", "reason").unique().rows() == [(None, "error", reason)]
    row = reported(frame, choice(name, **fields))
    assert (row["n_total"], row["n_scored"], row["n_error"], row["mean"]) == (2, 0, 2, None)


def test_a_score_at_the_end_of_its_range_counts(module):
    assert score(prediction_frame(["", "12345"]), choice("stars", range=[0, 5]))["score"].to_list() == [0.0, 5.0]


def test_a_changed_range_scores_anew(module):
    frame = prediction_frame(["1234567"])
    first = score(frame, choice("stars"))
    second = score(frame, choice("stars", range=[0, 5]), previous=first.lazy(), run_id="r2")
    assert second.select("score", "run_id").rows() == [(None, "r2")]
    fingerprints = {metric_fingerprint(metrics_of(choice("stars", **f))[0]) for f in ({}, {"range": [0, 5]})}
    assert len(fingerprints) == 2


@pytest.mark.parametrize("limits", [[5, 0], [1, 1], [0, math.inf], [0]])
def test_a_range_that_is_none_is_refused(limits):
    with pytest.raises(ValidationError, match="range"):
        choice("stars", range=limits)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"metric": "token_f1", "range": [0, 2]}, "expected no `range` for 'token_f1': shipped metrics carry"),
        (
            {"metric": "quoted", "function": "team_metrics:quoted", "range": [0, 5]},
            r"expected no `range` for metric 'quoted', or \[0, 1\], got \[0.0, 5.0\]: 'team_metrics:quoted' is annot",
        ),
    ],
)
def test_a_range_beside_one_that_is_known_is_refused(module, chosen, message):
    with pytest.raises(MetricError, match=message):
        metrics_of(MetricChoice(**chosen))


def test_a_function_may_build_on_other_metrics_wherever_they_stand(module):
    frame = prediction_frame(["a b c", "x y z w"], ["x b c", "x y z w"])
    table = score(frame, choice("corrected"), MetricChoice(metric="token_f1"), choice("is_short"))
    assert table["metric"].to_list()[:3] == ["token_f1", "is-short", "corrected"]
    # b, c of 2 words (the article a is dropped) and 3: 2*2/(2+3); the second answer is too long
    assert table.filter(metric="corrected")["score"].to_list() == [0.8, 0.0]


def test_a_dependency_that_changes_makes_its_dependents_stale(module):
    frame = prediction_frame(["a b c"], ["x b c"])
    chosen = (choice("corrected"), MetricChoice(metric="token_f1"), choice("is_short"))
    first = score(frame, *chosen)
    module.write_text(SOURCE.replace("LIMIT = 3", "LIMIT = 2"))
    sys.modules.pop("team_metrics", None)
    second = score(frame, *chosen, previous=first.lazy(), run_id="r2")
    assert second.select("metric", "run_id", "score").rows() == [
        ("token_f1", "r1", 0.8),
        ("is-short", "r2", 0.0),
        ("corrected", "r2", 0.0),
    ]


def test_code_is_hashed_as_far_as_a_function_reaches(module):
    def fingerprints():
        return [metric_fingerprint(metric) for metric in metrics_of(choice("is_short"), choice("tone"))]

    before = fingerprints()
    module.write_text(SOURCE.replace("def tone(output):", "def tone(output):  # how it sounds"))
    assert fingerprints() == before
    module.write_text(SOURCE.replace('"loud"', '"LOUD"'))
    assert [old == new for old, new in zip(before, fingerprints(), strict=True)] == [True, False]
    module.write_text(SOURCE.replace("LIMIT = 3", "LIMIT = 4"))
    assert [old == new for old, new in zip(before, fingerprints(), strict=True)] == [False, True]


def test_code_of_a_neighbouring_module_counts(module):
    helper = module.with_name("team_words.py")
    helper.write_text("def count(text):\n    return len(text)\n")
    module.write_text("from team_words import count\n\n\ndef words(output):\n    return count(output)\n")
    [before] = metrics_of(choice("words"))
    helper.write_text("def count(text):\n    return len(text.split())\n")
    [after] = metrics_of(choice("words"))
    assert before.code_sha256 != after.code_sha256


def test_resolving_does_not_run_the_module(module):
    module.write_text("raise RuntimeError\n\n\ndef words(output):\n    return 1\n")
    assert metrics_of(choice("words"))[0].function.arguments == ("output",)
    assert "team_metrics" not in sys.modules


def test_a_column_that_is_not_there_is_named_with_those_that_are(module):
    table = score(prediction_frame(["x"], ["y"]), choice("level"))
    assert table["outcome"].to_list() == ["skipped"]
    assert table["reason"][0].startswith(
        "argument 'difficulty' of team_metrics:level has no value; "
        "the example has 'targets', the prediction 'error_kind'"
    )


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"function": "team_metrics:is_shrt"},
            "expected a function 'is_shrt' in .*team_metrics.py, it has .*'is_short'",
        ),
        ({"function": "no_such_module:f"}, "expected a metric function as `module:function`.*got 'no_such_module:f'"),
        ({"function": "team_metrics"}, "expected a metric function as `module:function`"),
        ({"parameters": {"limit": 4}}, "that 'team_metrics:is_short' takes, got 'limit'; its arguments are 'output'"),
        ({"function": "team_metrics:wants_all"}, "to take its arguments by name"),
    ],
)
def test_a_function_that_cant_be_used_is_refused(module, chosen, message):
    with pytest.raises(MetricError, match=message):
        metrics_of(choice("is_short", **chosen))


def test_metrics_that_wait_for_each_other_are_refused_with_the_circle(module):
    with pytest.raises(MetricError, match="got the circle hen → egg → hen"):
        metrics_of(choice("hen"), choice("egg"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("odd", r"to return a number, boolean, label.* got \[1, 2\]"),
        ("wrong_length", "to return 2 values, one a row, got 1"),
    ],
)
def test_a_value_that_is_no_score_is_refused(module, name, message):
    with pytest.raises(MetricError, match=message):
        score(prediction_frame(["x", "y"]), choice(name))


def test_a_metric_has_own_aggregates(module):
    [metric] = metrics_of(choice("tone", parameters={"aggregates": ["median", "ratio", "team_metrics:spread"]}))
    assert extra_aggregates(metric.aggregates, [0.0, 0.5, 1.0, 1.0]) == {
        "median": 0.75,
        "ratio": 0.75,  # three of four are 0.5 or more
        "spread": 1.0,
    }
    assert extra_aggregates(metric.aggregates, []) == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("infinite", "expected the aggregate 'team_metrics:infinite' to return a finite number, got inf"),
        ("huge", "the aggregate 'team_metrics:huge' failed on 1 scores: OverflowError"),
        ("fails", "the aggregate 'team_metrics:fails' failed on 1 scores: IndexError"),
        ("absent", "expected to import the metric function 'team_metrics:absent'"),
    ],
)
def test_an_aggregate_that_gives_no_number_is_named(module, name, message):
    with pytest.raises(MetricError, match=message):
        extra_aggregates([f"team_metrics:{name}"], [1.0])


def test_two_aggregates_of_one_name_are_refused(module):
    with pytest.raises(MetricError, match="by different names, got 'spread' twice"):
        metrics_of(choice("tone", parameters={"aggregates": ["team_metrics:spread", "others:spread"]}))


def reported(frame, *choices):
    """The row of `aggregate_reports` of the only metric."""
    [metric] = metrics_of(*choices)
    rows = score_rows(score(frame, *choices), pl.DataFrame(schema=JUDGE_SCORES))
    [row] = aggregate_cell(rows, metric_facts=facts_of([metric], ()), cell=CELL, run_id="r1").to_dicts()
    return row


def test_a_metric_of_labels_alone_is_reported_by_their_shares(module):
    row = reported(prediction_frame(["HELLO", "well", "hm"]), choice("tone", parameters={"aggregates": ["ratio"]}))
    assert (row["n_total"], row["n_scored"], row["n_error"], row["n_skipped"], row["mean"]) == (3, 0, 0, 0, None)
    assert json.loads(row["extra_aggregates"]) == {"share_calm": 2 / 3, "share_loud": 1 / 3}


def test_aggregates_of_the_user_reach_the_report(module):
    aggregates = {"aggregates": ["team_metrics:spread"]}
    frame = prediction_frame(["a b", "a b c d"], ["a", "a"])
    assert json.loads(reported(frame, choice("is_short", parameters=aggregates))["extra_aggregates"]) == {"spread": 1.0}


@pytest.mark.parametrize("name", ["is_short", "are_short", "explained", "quoted", "zero_or_one", "lengths", "tone"])
def test_a_function_says_the_same_by_its_source_and_handed_over(module, name):
    function = getattr(importlib.import_module("team_metrics"), name)
    by_source = read_function(f"team_metrics:{name}", {}, None)
    handed_over = read_given_function(f"<given>:{name}", GivenFunction(function, "1"), {})
    expected = {
        "is_short": (True, False), "are_short": (True, True), "explained": (True, False), "quoted": (True, False),
        "zero_or_one": (True, False), "lengths": (False, True), "tone": (False, False),
    }[name]  # fmt: skip
    for read in (by_source, handed_over):
        assert (read.returns_boolean, read.vectorized) == expected
