"""Replies that are no whole answer, from file to table: kept, counted, final, and asked again when a run is told to."""

import json

import polars as pl
import pytest

from eval_assets.planning.plan_text import plan_text
from eval_assets.stages.spending import Spending, retry_of
from tests.loopback import TOOL_CALLS, Fault
from tests.projects import SLOW_DEFAULTS, work_of

pytestmark = pytest.mark.usefixtures("unchecked")

CELL = {"evaluation": "one", "model": "alpha", "prompt": "short"}
MANNERS = {"question 0": "refusal", "question 1": "no_text", "question 2": "tool_calls"}


@pytest.fixture
def one(lab):
    """A project with one cell of four rows."""
    evaluation = {"dataset": "qa", "models": ["alpha"], "prompts": ["short"], "metrics": ["contains"]}
    lab.files.write("evaluations", "one", {**evaluation, "task": "text", "without_metrics": SLOW_DEFAULTS})
    lab.files.change("models", "alpha", limits={"max_retries": 0, "timeout_seconds": 60})
    return lab


def rows(lab, table="predictions"):
    return lab.warehouse.scan(table, CELL).sort("position").collect()


def misbehave(provider):
    provider.faults = lambda body: next(
        (Fault(manner) for text, manner in MANNERS.items() if body["messages"][0]["content"] == text), None
    )


@pytest.mark.slow
def test_replies_without_an_answer_are_kept_counted_and_asked_again_when_told_to(one, provider):
    misbehave(provider)
    chosen = {"evaluations": ["one"]}
    assert not one.run(**chosen).failed
    assert provider.requests == 4
    assert rows(one)["outcome"].to_list() == ["refused", "empty", "tool_call", "ok"]
    assert json.loads(rows(one)["tool_calls"][2]) == TOOL_CALLS
    scores = rows(one, "heuristic_metrics").filter(pl.col("metric") == "contains")
    assert scores["outcome"].to_list() == ["skipped", "skipped", "skipped", "ok"]
    assert scores["reason"].to_list()[1:3] == ["prediction empty", "prediction tool_call"]
    assert one.warehouse.scan("runs").filter(pl.col("stage") == "predictions").select("n_failed").collect().item() == 3

    plan = one.plan(**chosen)
    assert plan.is_empty
    assert plan_text(plan).splitlines() == [
        "Everything is up to date: no request would be sent.",
        (
            "one:alpha@short: without a whole answer: 3 predictions (empty: 1, refusal: 1, tool_call: 1); "
            "`eval-assets run --retry empty,refused,tool_call` asks again"
        ),
    ]

    retry = Spending(retry=retry_of(["refused", "empty"]))
    plan = one.plan(**chosen, spending=retry)
    # Two requests and nothing else; the scores of their predictions follow.
    assert work_of(plan) == {"one:alpha@short": (2, 0, 2, 2)}
    assert "because asked again: 2 predictions (empty: 1, refused: 1)" in plan_text(plan)
    provider.faults = None
    assert not one.run(retry, **chosen).failed
    assert provider.requests == 6
    assert rows(one)["outcome"].to_list() == ["ok", "ok", "tool_call", "ok"]
    assert one.plan(**chosen).is_empty


@pytest.mark.slow
def test_a_cell_of_a_recorded_file_without_some_rows_is_up_to_date_until_the_file_changes(one, provider):
    recorded = one.files.data / "models" / "past.jsonl"
    recorded.write_text('{"example_id": "q0", "output": "answer 0"}\n{"example_id": "q1", "output": null}\n')
    one.files.write("models", "alpha", {"provider": "recorded", "file": "past.jsonl"})
    chosen = {"evaluations": ["one"]}
    assert not one.run(**chosen).failed
    assert rows(one).select("outcome", "error_kind").rows() == [("ok", None), *[("error", "not_recorded")] * 3]
    plan = one.plan(**chosen)
    assert plan.is_empty
    assert plan_text(plan).endswith("one:alpha@short: without a whole answer: 3 predictions (not_recorded: 3)")

    recorded.write_text("".join(f'{{"example_id": "q{n}", "output": "answer {n}"}}\n' for n in range(4)))
    assert not one.plan(**chosen).is_empty
    assert not one.run(**chosen).failed
    assert rows(one)["outcome"].to_list() == ["ok"] * 4
    assert plan_text(one.plan(**chosen)) == "Everything is up to date: no request would be sent."


@pytest.mark.slow
def test_thoughts_are_apart_from_answers_and_a_new_rule_for_tags_sends_nothing(one, provider):
    provider.answer = lambda body: f"So: <think>answer 9?</think>answer {body['messages'][0]['content'][-1]}"
    chosen = {"evaluations": ["one"]}
    one.run(**chosen)
    assert rows(one)["output"][0] == "So: <think>answer 9?</think>answer 0"  # tags count at the very start only
    one.files.change("models", "alpha", reasoning_tags="anywhere")
    one.run(**chosen)
    assert provider.requests == 4
    assert rows(one).select("output", "reasoning").row(0) == ("So: answer 0", "answer 9?")
    stored = one.warehouse.scan("responses").select("output").collect()["output"]
    assert min(stored) == "So: <think>answer 9?</think>answer 0"


@pytest.mark.slow
def test_what_an_account_bears_is_remembered_without_its_key(one, provider):
    one.run(evaluations=["one"])
    remembered = json.loads((one.settings.state_dir / "concurrency.json").read_text())
    [(account, level)] = remembered.items()
    assert account.startswith("openai-127.0.0.1-")
    assert level["limit"] >= 2
    assert not level["is_found"]
