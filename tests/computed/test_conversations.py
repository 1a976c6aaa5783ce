"""Conversations as inputs and as recorded replies: what is sent, scored, judged and shown of them."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.project_files import load_project
from eval_assets.judges.messages import judge_messages
from eval_assets.reports.evaluation_report import load_report
from eval_assets.reports.outputs import example_outputs
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.success_lines import success_lines
from eval_assets.reports.rendered.table import report_table
from eval_assets.requests.conversations import answer_in, conversation_text, last_answer
from eval_assets.storage.tracing.trace import trace
from eval_assets.storage.tracing.trace_text import trace_text
from tests.builders import NOON
from tests.documented_files import write_shown
from tests.small_project import compute_everything, problems_of, project_with

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Rain in Oslo?"}]
TRAJECTORY = [
    *ASKED,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "sunny\nassistant: rain"},
    {"role": "assistant", "content": "No rain."},
    {"role": "user", "content": "Thanks!"},
]
SHOWN = """\
system: Be kind.
user: Rain in Oslo?
assistant calls: weather(city="Oslo")
tool weather: sunny
  assistant: rain
assistant: No rain.
user: Thanks!"""
ROW = {"example_id": "a", "inputs": {"messages": ASKED}, "targets": "No rain."}
PROJECT = {
    "datasets/qa.jsonl": json.dumps(ROW) + "\n",
    "prompts/ask.md": "## system\nAnswer briefly.\n## user\n{{ messages }}\n## user\nIn one word.\n",
    "models/talks.yaml": "provider: recorded\nfile: talks.jsonl\n",
    "models/talks.jsonl": json.dumps({"example_id": "a", "output": TRAJECTORY}) + "\n",
    "models/verdicts.yaml": "provider: recorded\nfile: verdicts.jsonl\n"
    "columns: {candidate: by, output: verdict, sample_index: trial}\n",
    "models/verdicts.jsonl": json.dumps({"example_id": "a", "by": "talks", "trial": 0, "verdict": 5}) + "\n",
    "judges/right.yaml": "definition: Is it right?\nmodel: verdicts\n",
    "evaluations/e.yaml": "dataset: qa\nmodels: [talks]\nprompts: [ask]\njudges: [right]\nmetrics: [contains]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n",
}


def test_what_is_said_can_not_pass_for_a_turn() -> None:
    assert conversation_text(TRAJECTORY) == SHOWN


def test_the_last_text_of_the_assistant_is_the_answer() -> None:
    assert last_answer(TRAJECTORY) == "No rain."
    assert last_answer(TRAJECTORY[:4]) is None
    parts = [{"role": "assistant", "content": [{"type": "text", "text": "No"}, {"type": "text", "text": "rain."}]}]
    assert last_answer(parts) == "No rain."


def test_outputs_that_are_calls_already_are_shown_once() -> None:
    output = '[{"name":"weather","arguments":{"city":"Oslo"}}]'  # of a model with `tool_calls: as_output`
    assert answer_in({"output": output, "tool_calls": json.dumps([CALL])}) == output
    assert answer_in({"output": None, "tool_calls": json.dumps([CALL])}) == 'assistant calls: weather(city="Oslo")'
    assert answer_in({"output": None, "tool_calls": None}) is None


def test_a_judge_reads_conversations_turn_by_turn(tmp_path: Path) -> None:
    judge = project_with(tmp_path, **PROJECT).judge("right").file
    output = answer_in({"output": "No rain.", "trajectory": json.dumps(TRAJECTORY)})
    _, asked = judge_messages(judge, {"inputs": ROW["inputs"]}, str(output))
    assert "\nsystem: Be kind.\nuser: Rain in Oslo?\n</inputs-" in str(asked["content"])
    assert f"\n{SHOWN}\n</output-" in str(asked["content"])


def test_recorded_trajectories_are_scored_by_their_end_and_kept_whole(tmp_path: Path) -> None:
    assert problems_of(project_with(tmp_path, **PROJECT)) == []
    warehouse = compute_everything(tmp_path, run_id="run-1")
    predictions = warehouse.scan("predictions").collect()
    (row,) = predictions.to_dicts()
    assert (row["outcome"], row["output"]) == ("ok", "No rain.")
    assert json.loads(row["tool_calls"]) == [CALL]
    assert json.loads(row["trajectory"]) == TRAJECTORY
    sent = [{"role": "system", "content": "Answer briefly."}, *ASKED, {"role": "user", "content": "In one word."}]
    assert json.loads(row["messages"]) == sent
    scores = {score["metric"]: score["score"] for score in warehouse.scan("heuristic_metrics").collect().to_dicts()}
    assert scores == {"exact_match": 1.0, "token_f1": 1.0, "contains": 1.0}
    (judged,) = warehouse.scan("judge_scores").collect().to_dicts()
    assert (judged["score"], judged["outcome"]) == (5.0, "ok")
    said = trace_text(trace(warehouse, row["prediction_id"]))
    for line in ("trajectory:", "[assistant calls]", 'weather(city="Oslo")', "[tool weather]", "user: Rain in Oslo?"):
        assert line in said
    (example,) = example_outputs(predictions, _no_scores(), ["talks@ask"])
    assert example.inputs == "system: Be kind.\nuser: Rain in Oslo?"
    assert (example.answers[0].trajectory, example.answers[0].tool_calls) == (SHOWN, 'weather(city="Oslo")')


def test_a_file_of_predictions_may_hold_several_samples(tmp_path: Path) -> None:
    records = [{"example_id": "a", "trial": trial, "output": f"answer {trial}"} for trial in (1, 0)]
    files = _with_samples(records)
    assert problems_of(project_with(tmp_path, **files)) == []
    rows = compute_everything(tmp_path, run_id="run-1").scan("predictions").sort("sample_index").collect()
    assert rows["output"].to_list() == ["answer 0", "answer 1"]
    judged = compute_everything(tmp_path, run_id="run-2").scan("judge_scores").sort("sample_index").collect()
    assert judged["score"].to_list() == [5.0, None]  # no verdict on the second sample
    assert "for sample 1 of example 'a' by talks@ask" in judged["reason"][1]


def test_odd_samples_are_said_with_their_line(tmp_path: Path) -> None:
    records = [{"example_id": "a", "trial": trial, "output": "x"} for trial in (0, "first")]
    (said,) = problems_of(project_with(tmp_path / "odd", **_with_samples(records)))
    assert "data/models/talks.jsonl:2: trial: expected a whole number from 0, got 'first'" in said
    records = [{"example_id": "a", "trial": 0, "output": "x"}] * 2
    (said,) = problems_of(project_with(tmp_path / "twice", **_with_samples(records)))
    assert "talks.jsonl:2: expected each 'example_id' once of sample 0, got 'a' again, first in line 1" in said


def test_check_knows_the_messages_of_conversations(tmp_path: Path) -> None:
    plain = {"example_id": "a", "inputs": "Why?", "targets": "So."}
    (said,) = problems_of(project_with(tmp_path, **{**PROJECT, "datasets/qa.jsonl": json.dumps(plain) + "\n"}))
    assert "no row of dataset 'qa' provides the template variable 'messages'" in said


def _with_samples(records: list[dict[str, Any]]) -> dict[str, str]:
    return {
        **PROJECT,
        "models/talks.yaml": "provider: recorded\nfile: talks.jsonl\ncolumns: {sample_index: trial}\n",
        "models/talks.jsonl": "".join(json.dumps(record) + "\n" for record in records),
        "evaluations/e.yaml": f"{PROJECT['evaluations/e.yaml']}samples: 2\n",
    }


def _no_scores() -> pl.DataFrame:
    text = ("model", "prompt", "example_id", "metric", "justification", "label")
    return pl.DataFrame(schema={**dict.fromkeys(text, pl.String()), "score": pl.Float64(), "sample_index": pl.Int64()})


def test_the_predictions_of_an_example_are_shown_by_their_calls_where_they_say_nothing(tmp_path: Path) -> None:
    records = [{"example_id": "a", "trial": trial, "output": TRAJECTORY[: 5 - trial]} for trial in (0, 1)]
    project_with(tmp_path, **_with_samples(records))
    said = trace_text(trace(compute_everything(tmp_path, run_id="run-1"), "a"))
    assert "output: No rain." in said
    assert 'output: assistant calls: weather(city="Oslo")' in said


def test_the_example_of_the_page_gives_the_numbers_it_shows(tmp_path: Path) -> None:
    write_shown("conversations.md", tmp_path)
    warehouse = compute_everything(tmp_path, run_id="run-1")
    rows = {row["metric"]: row for row in warehouse.scan("aggregate_reports").collect().to_dicts()}
    assert (rows["tool_call_match"]["mean"], rows["expectations"]["mean"]) == (1.0, 0.75)
    assert json.loads(rows["expectations"]["extra_aggregates"])["share_passed"] == 0.5
    assert warehouse.scan("predictions").collect()["outcome"].to_list() == ["ok", "ok"]
    scores = warehouse.scan("heuristic_metrics").filter(metric="expectations", example_id="thanks").collect()
    assert scores["reason"].to_list() == ["max_length 10 (got 16)"]
    assert "reason: max_length 10 (got 16)" in trace_text(trace(warehouse, "thanks"))
    evaluation = load_project(tmp_path / "data").evaluation("support")
    report = load_report(warehouse, evaluation, generated_at=NOON)
    assert list(success_lines(report)) == [("expectations", "passed: shop@polite 50 % [9 %, 91 %]")]
    assert "\nexpectations: passed: shop@polite 50 % [9 %, 91 %]\n" in report_table(report)
    assert "expectations: passed: shop@polite 50 % [9 %, 91 %]" in report_html(report)
