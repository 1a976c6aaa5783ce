"""What each row expects of its output: read, looked for, counted."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from eval_assets.checking.expected_rows import unread_expectations
from eval_assets.metrics.expectations.expectation_forms import KINDS, expectations_in
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import compute_everything, problems_of, project_with
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved

SCHEMA = {"type": "object", "required": ["city"]}
CALLS = json.dumps([{"name": "weather", "args": {"city": "Oslo"}}])


def scored(output: str | None, expect: Any, **columns: Any) -> dict[str, Any]:
    """The score of one row."""
    frame = prediction_frame([output], examples=[{"expect": expect}], **columns)
    frames = score_predictions([frame], resolved("expectations"), previous=None, cell=CELL, run_id="r1")
    (row,) = pl.concat(list(frames)).to_dicts()
    return row


@pytest.mark.parametrize(
    ("output", "expectation", "is_met"),
    [
        ("Paris", {"equals": "Paris"}, True),
        ("paris", {"equals": ["Paris", "Lyon"]}, False),
        ('{"a": [1.0]}', {"equals": {"a": [1]}}, True),
        ("5", {"equals": 5}, True),
        ("In Paris.", {"contains": "paris"}, True),
        ("In Paris.", {"contains": "paris", "case_sensitive": True}, False),
        ("In Lyon.", {"contains": ["Paris", "Lyon"]}, True),
        ("Room 42.", {"contains": 42}, True),
        ("Oslo, rain", {"contains_all": ["oslo", "RAIN"]}, True),
        ("abc", {"matches": "b+"}, True),
        ("abc", {"matches": "b+", "full": True}, False),
        ("It is 1,000.5 m", {"number": 1000.5}, True),
        ("about 10.4", {"number": 10, "tolerance": 0.5}, True),
        ("{}", {"is_json": True}, True),
        ("nope", {"is_json": True}, False),
        ('{"city": 1}', {"json_schema": SCHEMA}, True),
        ("{}", {"json_schema": SCHEMA}, False),
        ("four", {"max_length": 4}, True),
        ("fives", {"max_length": 4}, False),
        ("two words", {"max_length": 2, "unit": "words"}, True),
        ("", {"min_length": 1}, False),
        ("a cat sat", {"token_f1": "a cat", "min": 0.6}, True),  # cat of cat, sat: 2 * 1 / (1 + 2) = 0.67
        ("a cat sat", {"token_f1": "a cat", "min": 0.7}, False),
        ("the cat", {"rougeL": "the cat", "min": 1}, True),
        ("I'm sorry, but I can't help with that.", {"refuses": True}, True),
        ("Sure!", {"refuses": True}, False),
        ("Sure!", {"not": {"refuses": True}}, True),
        ("Paris", {"not": {"contains": "paris"}}, False),
        ("five!", {"not": {"max_length": 4}}, True),
        ("four", {"not": {"max_length": 4}}, False),
        # promptfoo's
        ("Paris", {"type": "contains", "value": "paris"}, False),
        ("Paris", {"type": "icontains", "value": "paris"}, True),
        ("Paris", {"type": "not-equals", "value": "paris"}, True),
        ("a b", {"type": "contains-all", "value": ["a", "b"]}, True),
        ("b", {"type": "icontains-any", "value": ["A", "B"], "weight": 1}, True),
        ("1. yes", {"type": "starts-with", "value": "1."}, True),
        ("10 yes", {"type": "starts-with", "value": "1."}, False),
        ("{}", {"type": "is-json"}, True),
        ("{}", {"type": "is-json", "value": SCHEMA}, False),
        ("ab", {"type": "regex", "value": "^a"}, True),
    ],
)
def test_an_expectation_is_met_or_not(output, expectation, is_met) -> None:
    row = scored(output, [expectation])
    assert (row["score"], row["outcome"]) == (float(is_met), "ok")
    assert row["label"] == ("passed" if is_met else "failed")
    assert (row["reason"] is None) == is_met


def test_calls_are_expected_with_or_without_text() -> None:
    wanted = {"calls": [{"name": "weather", "arguments": {"city": "Oslo"}}]}
    assert scored(None, [wanted], tool_calls=[CALLS])["score"] == 1.0
    row = scored(None, [wanted, {"contains": "Oslo"}], tool_calls=[CALLS])
    assert (row["score"], row["reason"]) == (0.5, 'contains "Oslo" (the reply holds no text)')


def test_the_score_is_the_share_and_the_reason_names_the_others() -> None:
    row = scored("Oslo is wet", [{"contains_all": ["oslo", "snow"]}, {"max_length": 5}, {"is_json": True}])
    assert (row["score"], row["label"]) == (0.25, "failed")
    assert row["reason"] == (
        'contains_all "snow"; max_length 5 (got 11); is_json (Expecting value: line 1 column 1 (char 0))'
    )


def test_rows_that_ask_alike_are_looked_at_together_and_keep_their_own_targets() -> None:
    expect = [[{"contains": "a"}, {"contains": "b"}], None, [{"contains": "c"}], {"contains": "d"}]
    frame = prediction_frame(["a", "x", "c", "x"], examples=[{"expect": each} for each in expect])
    frames = score_predictions([frame], resolved("expectations"), previous=None, cell=CELL, run_id="r1")
    assert pl.concat(list(frames))["score"].to_list() == [0.5, None, 1.0, 0.0]


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ([{"contians": "x"}], "expectation 1: expected one of equals, contains, "),
        ([{"contians": "x"}], "'contians'; did you mean 'contains'?"),
        ([{"contains": "a", "equals": "b"}], "got contains and equals"),
        ([{"contains": "a"}, {"contains": []}], "expectation 2: expected text, or a list of texts, got []"),
        ([{"contains": "a", "full": True}], "`contains` takes case_sensitive, got 'full'"),
        ([{"contains": "a", "case_sensitive": "no"}], "expected bool as `case_sensitive` of `contains`, got 'no'"),
        ([{"max_length": "20"}], "expected a whole number from 0, got '20'"),
        ([{"max_length": 20, "unit": "tokens"}], "expected words, characters as `unit` of `max_length`, got 'tokens'"),
        ([{"matches": "("}], "expected a regular expression as `pattern`, got '('"),
        ([{"json_schema": {"type": "objekt"}}], "expected a JSON schema as `schema`"),
        ([{"token_f1": "a"}], "expected a number, got None"),
        ([{"is_json": False}], "expected true, got False; `not: {…}` expects the contrary"),
        ([{"not": {"contains_all": ["a", "b"]}}], "expected one thing in `not`, got 2; write `not` for each"),
        ([{"not": {"contains": "a"}, "min": 1}], "expected nothing beside `not`, got 'min'"),
        ([{"calls": "weather"}], "expected a list of calls with `name` and `arguments`"),
        ([{"expected_facts": ["a"]}], "MLflow's `expected_facts` is judged, not compared"),
        ([{"type": "llm-rubric", "value": "kind"}], "assertions of type 'llm-rubric' are not read here: ask a judge"),
        ([{"type": "javascript", "value": "1"}], "write a metric function in Python"),
        ([{"type": "contains", "value": "a", "threshold": 0.5}], "holds or not: leave out `threshold` and `weight`"),
        ([{"type": "contains", "value": "a", "transform": "x"}], "has the field 'transform', which is not read here"),
        (["Paris"], "expected an expectation such as {contains: …}, got 'Paris'"),
        ("Paris", "expected a list of expectations such as {contains: …}, got 'Paris'"),
    ],
)
def test_what_can_not_be_read_is_said_and_costs_its_row_alone(expect: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        expectations_in(expect)
    row = scored("x", expect)
    assert (row["score"], row["outcome"]) == (None, "error")
    assert said in row["reason"]


def test_a_row_that_expects_nothing_has_no_score() -> None:
    assert [scored("x", expect)["reason"] for expect in (None, [])] == ["no expect", "no expect"]


def test_fields_that_parquet_adds_as_null_say_nothing() -> None:
    expect = [{"contains": "paris", "max_length": None}, {"contains": None, "max_length": 5}]
    assert scored("Paris", expect)["score"] == 1.0


def test_json_in_a_cell_is_read_as_such() -> None:
    assert scored("Paris", json.dumps([{"contains": "paris"}]))["score"] == 1.0


def test_a_schema_that_refers_nowhere_costs_its_row_alone() -> None:
    expect = [[{"json_schema": {"$ref": "#/nowhere"}}], [{"is_json": True}]]
    frame = prediction_frame(["{}", "{}"], examples=[{"expect": each} for each in expect])
    frames = score_predictions([frame], resolved("expectations"), previous=None, cell=CELL, run_id="r1")
    assert pl.concat(list(frames))["outcome"].to_list() == ["error", "ok"]


def test_every_kind_stands_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "conversations.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"`{kind}" not in page] == []


ROWS = [
    {"example_id": "a", "inputs": "Why?", "expect": [{"contains": "why"}, {"max_length": 3}]},
    {"example_id": "b", "inputs": "So.", "expect": [{"contains": "so"}]},
]
EVALUATION = (
    "dataset: qa\nmodels: [echo]\nprompts: [ask]\nmetrics: [expectations]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count, exact_match]\n"
)


def test_check_finds_a_fault_in_its_row(tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "example_id": "c", "expect": [{"contians": "x"}]}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    files = {"datasets/qa.jsonl": lines, "evaluations/e.yaml": EVALUATION}
    (said,) = problems_of(project_with(tmp_path / "used", **files))
    assert said.startswith("data/datasets/qa.jsonl:3: expect: expectation 1: expected one of ")
    without = {**files, "evaluations/e.yaml": EVALUATION.replace("[expectations]", "[]")}
    assert problems_of(project_with(tmp_path / "unused", **without)) == []  # it may be anything
    elsewhere = EVALUATION.replace("[expectations]", "[{metric: expectations, parameters: {column: assert}}]")
    (said,) = problems_of(project_with(tmp_path / "absent", **{**files, "evaluations/e.yaml": elsewhere}))
    assert "no row of dataset 'qa' has the column 'assert'" in said


def test_pass_rates_are_reported(tmp_path: Path) -> None:
    files = {"datasets/qa.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS), "evaluations/e.yaml": EVALUATION}
    assert problems_of(project_with(tmp_path, **files)) == []
    warehouse = compute_everything(tmp_path, run_id="run-1")
    rows = warehouse.scan("aggregate_reports").filter(metric="expectations").collect().to_dicts()
    (row,) = rows
    assert row["mean"] == pytest.approx((1 / 2 + 1) / 2)
    assert json.loads(row["extra_aggregates"]) == {"share_failed": 0.5, "share_passed": 0.5}


def test_check_notes_expectations_that_nobody_looks_for(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    files = {"datasets/qa.jsonl": lines, "evaluations/e.yaml": EVALUATION.replace("[expectations]", "[latency]")}
    project = project_with(tmp_path / "unread", **files)
    (said,) = unread_expectations(project, FileVersions(project), "e")
    assert said.startswith("evaluation e: rows of dataset 'qa' have a column 'expect', and no metric reads it; add ")
    project = project_with(tmp_path / "read", **{**files, "evaluations/e.yaml": EVALUATION})
    assert list(unread_expectations(project, FileVersions(project), "e")) == []
    other = json.dumps({**ROWS[0], "expect": ["something", "else"]}) + "\n"
    project = project_with(tmp_path / "other", **{**files, "datasets/qa.jsonl": other})
    assert list(unread_expectations(project, FileVersions(project), "e")) == []
