"""From any id back to the dataset row: what is found, what each part says, what is said when nothing or too much is."""

import json
import re
from pathlib import Path

import pytest

from eval_assets.errors import TraceError
from eval_assets.storage.tracing.trace import trace
from eval_assets.storage.tracing.trace_text import WIDTH, _field, _scored, _wrapped, trace_text
from tests.builders import (
    evaluation,
    example,
    judge,
    model,
    prediction,
    prompt,
    response,
    score,
    verdict,
    warehouse_of,
    write_rows,
)

PARTS = {"score", "judge", "prediction", "prompt", "model", "example", "scores", "predictions"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "tracing-with-sql.md"


def one_of_each(**tables):
    """One example, answered once, scored once and judged once."""
    return {
        "eval_datasets": [example()],
        "prompts": [prompt()],
        "models": [model()],
        "judges": [judge()],
        "evaluations": [evaluation()],
        "predictions": [prediction()],
        "heuristic_metrics": [score()],
        "judge_scores": [verdict()],
        "responses": [response(), response("reply-judged", run_id="run-that-paid-the-judge")],
        **tables,
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """For reading only."""
    return warehouse_of(tmp_path_factory.mktemp("one_of_each"), **one_of_each())


@pytest.fixture
def own_warehouse(tmp_path):
    """The same, free to be changed."""
    return warehouse_of(tmp_path, **one_of_each())


def test_a_judge_score_is_followed_to_the_dataset_row(warehouse):
    traced = trace(warehouse, "s-judged")
    assert (traced["score"]["metric"], traced["score"]["score"], traced["score"]["run_id"]) == ("grader", 5, "run-cell")
    assert traced["judge"]["messages"] == [{"role": "user", "content": "Judge: Paris"}]
    assert traced["judge"]["raw_reply"] == '{"justification": "It names the city.", "score": 5}'
    assert traced["judge"]["paid_by_run_id"] == "run-that-paid-the-judge"
    assert traced["judge"]["model"]["file"]["model"] == "judge-1"
    assert (traced["prediction"]["output"], traced["prediction"]["request_key"]) == ("Paris", "key-1")
    assert traced["prediction"]["messages"][0]["content"] == "What is the capital of France?"
    assert traced["prediction"]["paid_by_run_id"] == "run-that-paid"
    assert traced["prompt"]["template"] == "## user\n{{ inputs }}\n"
    assert traced["model"]["content"]["file"]["model"] == "alpha-1"
    assert (traced["example"]["example_id"], traced["example"]["dataset"]) == ("capital", "qa")
    assert (traced["example"]["targets"], traced["example"]["is_current"]) == ("Paris", True)


def test_a_trace_says_who_answered_where_the_provider_reports_it(tmp_path, warehouse):
    asked = prediction(answered_by="gpt-2026-08-06", service_tier="default")
    told = warehouse_of(tmp_path, **one_of_each(predictions=[asked]))
    traced = trace(told, "s-judged")
    assert traced["prediction"]["answered_by"] == "gpt-2026-08-06"
    assert trace_text(traced).count("answered by: gpt-2026-08-06, default") == 1
    assert "answered by" not in trace_text(trace(warehouse, "s-judged"))


def test_a_heuristic_score_names_its_implementation_and_has_no_judge(warehouse):
    traced = trace(warehouse, "s-1")
    assert traced["judge"] is None
    assert traced["score"]["signature"] == "overlap.token_f1:token_f1"
    assert (traced["score"]["version"], traced["score"]["parameters_sha256"]) == ("v1", "ab" * 32)


@pytest.mark.parametrize("identifier", ["s-1", "s-judged", "p-1", "capital"])
def test_every_part_says_which_delta_version_holds_it_and_which_run_wrote_it(warehouse, identifier):
    traced = trace(warehouse, identifier)
    assert traced.keys() == {"id", "kind", *PARTS}
    parts = [traced[part] for part in ("score", "judge", "prediction", "prompt", "model", "example") if traced[part]]
    assert parts
    for part in parts:
        assert part["run_id"].startswith("run-")
        table = part["delta"]["table"]
        # Creating a table is its version 0, so the first partition written is version 1.
        assert part["delta"] == {"table": table, "uri": f"{warehouse.root}/{table}", "version": 1}
    json.dumps(traced)


def test_the_delta_version_is_of_the_partition_and_not_of_the_table(tmp_path):
    warehouse = warehouse_of(tmp_path, **one_of_each())
    write_rows(
        warehouse, "predictions", [prediction("p-2", evaluation="another")], inputs={"eval_datasets/qa": "data-1"}
    )
    assert trace(warehouse, "p-1")["prediction"]["delta"]["version"] == 1
    assert trace(warehouse, "p-2")["prediction"]["delta"]["version"] == 2


def test_a_prediction_lists_all_its_scores(warehouse):
    traced = trace(warehouse, "p-1")
    assert (traced["score"], traced["judge"], traced["predictions"]) == (None, None, None)
    found = [(row["score_id"], row["metric"], row["score"], row["outcome"]) for row in traced["scores"]]
    assert found == [("s-1", "token_f1", 1, "ok"), ("s-judged", "grader", 5, "ok")]


def test_an_example_with_one_prediction_is_traced_like_that_prediction(warehouse):
    traced = trace(warehouse, "capital")
    assert traced["kind"] == "example"
    assert traced["prediction"]["prediction_id"] == "p-1"
    assert [row["prediction_id"] for row in traced["predictions"]] == ["p-1"]
    assert len(traced["scores"]) == 2


def test_an_example_lists_its_predictions_in_all_evaluations_of_its_dataset(tmp_path):
    answers = [
        prediction("p-1"),
        prediction("p-2", evaluation="other", model="beta"),
        prediction("p-3", evaluation="foreign"),
    ]
    evaluations = [evaluation(), evaluation("other"), evaluation("foreign", dataset="elsewhere")]
    scores = [score(of=answers[0]), score("s-2", of=answers[1], score=None, outcome="error")]
    warehouse = warehouse_of(
        tmp_path, **one_of_each(predictions=answers, evaluations=evaluations, heuristic_metrics=scores, judge_scores=[])
    )
    traced = trace(warehouse, "qa/capital")
    assert traced["prediction"] is None
    assert traced["scores"] is None
    assert [(row["prediction_id"], row["evaluation"], row["scores"][0]["score"]) for row in traced["predictions"]] == [
        ("p-2", "other", None),
        ("p-1", "trial", 1),
    ]


def test_an_example_without_predictions_is_still_found(tmp_path):
    warehouse = warehouse_of(tmp_path, eval_datasets=[example()])
    traced = trace(warehouse, "capital")
    assert (traced["predictions"], traced["prediction"], traced["example"]["run_id"]) == ([], None, "run-dataset")


def test_the_prompt_and_model_are_those_recorded_and_not_the_latest(tmp_path):
    prompts = [prompt(), prompt(version=2, source="## user\nNow: {{ inputs }}\n", run_id="run-edit")]
    models = [model(), model(version=2, file={"model": "alpha-2"})]
    traced = trace(warehouse_of(tmp_path, **one_of_each(prompts=prompts, models=models)), "s-1")
    assert (traced["prompt"]["version"], traced["prompt"]["latest_version"]) == (1, 2)
    assert (traced["prompt"]["template"], traced["prompt"]["run_id"]) == ("## user\n{{ inputs }}\n", "run-files")
    assert traced["model"]["content"]["file"]["model"] == "alpha-1"


def test_an_edited_dataset_row_is_shown_as_it_was_with_the_version_that_held_it(own_warehouse):
    write_rows(own_warehouse, "eval_datasets", [example(targets="Lyon")], data_version="data-2")
    found = trace(own_warehouse, "s-1")["example"]
    assert (found["targets"], found["is_current"], found["delta"]["version"]) == ("Paris", False, 1)
    assert found["current_sha256"] == example(targets="Lyon")["example_sha256"] != found["sha256"]


def test_an_example_that_left_its_dataset_is_found_through_its_predictions(own_warehouse):
    write_rows(own_warehouse, "eval_datasets", [example("other")], data_version="data-2")
    found = trace(own_warehouse, "capital")["example"]
    assert (found["is_current"], found["current_sha256"], found["columns"]["targets"]) == (False, None, "Paris")


def test_the_verdict_of_a_jury_carries_the_votes_of_its_jurors(tmp_path):
    rows = [
        verdict("s-a", juror="strict", score=2.0),
        verdict("s-b", juror="mild", score=4.0, raw_reply="four"),
        verdict("s-jury", method="vote", messages=None, raw_reply=None, response_id=None, judge_model=None, score=3.0),
    ]
    traced = trace(warehouse_of(tmp_path, **one_of_each(judge_scores=rows)), "s-jury")
    votes = [(vote["juror"], vote["score"], vote["raw_reply"]) for vote in traced["judge"]["votes"]]
    assert votes == [("strict", 2, rows[0]["raw_reply"]), ("mild", 4, "four")]
    assert traced["judge"]["messages"] is None
    assert "juror mild: 4 (s-b)" in trace_text(traced)


def test_secrets_in_a_model_file_are_not_shown(tmp_path):
    file = {"base_url": "https://me:pw@host/v1", "query": {"api-key": "hush"}, "api_key_env": "OPENAI_API_KEY"}
    traced = trace(warehouse_of(tmp_path, **one_of_each(models=[model(file=file)])), "s-1")
    shown = traced["model"]["content"]["file"]
    assert (shown["base_url"], shown["query"]) == ("https://***@host/v1", {"api-key": "***"})
    assert shown["api_key_env"] == "OPENAI_API_KEY"
    assert "hush" not in trace_text(traced)


def test_the_beginning_of_an_id_is_enough_where_only_one_has_it(warehouse):
    assert trace(warehouse, "s-j")["id"] == "s-judged"
    assert trace(warehouse, "cap")["id"] == "capital"
    assert trace(warehouse, "p")["id"] == "p-1"


def test_an_id_in_full_wins_over_longer_ones(tmp_path):
    warehouse = warehouse_of(tmp_path, **one_of_each(heuristic_metrics=[score("s-1"), score("s-12"), score("s-123")]))
    assert trace(warehouse, "s-12")["id"] == "s-12"


def test_an_example_may_be_named_like_a_score(tmp_path):
    warehouse = warehouse_of(tmp_path, eval_datasets=[example("s-curve")])
    assert trace(warehouse, "s-curve")["kind"] == "example"


def test_an_unknown_id_is_refused(warehouse):
    with pytest.raises(TraceError, match="got 'nothing', which no row of"):
        trace(warehouse, "nothing")
    with pytest.raises(TraceError, match="got an empty text"):
        trace(warehouse, "")


def test_a_beginning_that_several_ids_share_lists_ten_of_them_with_what_they_are(tmp_path):
    scores = [score(f"s-{number:02}") for number in range(12)]
    warehouse = warehouse_of(tmp_path, **one_of_each(heuristic_metrics=scores))
    with pytest.raises(TraceError) as raised:
        trace(warehouse, "s-")
    listed = [line for line in str(raised.value).splitlines() if line.startswith("  s-")]
    assert len(listed) == 10
    assert listed[0].endswith("score by token_f1 of example capital, trial:alpha@ask")
    assert "and more" in str(raised.value)


def test_an_example_id_of_two_datasets_is_written_with_its_dataset(tmp_path):
    warehouse = warehouse_of(tmp_path, eval_datasets=[example(), example(dataset="geography")])
    with pytest.raises(TraceError, match="geography/capital  example of dataset geography"):
        trace(warehouse, "capital")
    assert trace(warehouse, "geography/capital")["example"]["dataset"] == "geography"


def test_the_printed_chain_runs_from_the_score_down_to_the_dataset_row(warehouse):
    text = trace_text(trace(warehouse, "s-judged"))
    headings = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert headings == [
        "score s-judged",
        "judge grader, version 1",
        "prediction p-1",
        "prompt ask, version 1",
        "model alpha, version 1",
        "dataset row capital of qa",
    ]
    assert "  Delta table judge_scores, version 1:" in text
    assert "  Dagster run run-cell" in text
    assert "raw reply: {" in text


def test_a_trace_shows_thoughts_and_calls_apart_from_the_output(tmp_path):
    calls = '[{"function":{"name":"get_weather"}}]'
    row = prediction(output=None, outcome="tool_call", reasoning="Is it\x1b cold?", tool_calls=calls, error="it calls")
    traced = trace(warehouse_of(tmp_path, **one_of_each(predictions=[row])), "s-1")
    assert (traced["prediction"]["reasoning"], traced["prediction"]["tool_calls"]) == ("Is it\x1b cold?", calls)
    text = trace_text(traced)
    assert "tool calls: get_weather()" in text
    assert "Is it\\u001b cold?" in text
    assert "error: it calls" in text


def test_a_trace_shows_what_was_returned_beside_an_output_and_what_keeps_it_from_its_form(tmp_path):
    row = prediction(output="Oslo", extra='{"steps":["\x1b"]}', output_fault="no JSON", first_token_seconds=0.25)
    text = trace_text(trace(warehouse_of(tmp_path, **one_of_each(predictions=[row])), "s-1"))
    assert 'returned beside it: {"steps":["\\u001b"]}' in text
    assert "not of the form asked for: no JSON" in text
    assert ", first token after 250 ms" in text


def test_the_printed_form_is_wrapped_and_keeps_control_characters_from_the_terminal(tmp_path):
    long = prediction(output="\x1b[2J" + "many words " * 60 + "\n    indented")
    text = trace_text(trace(warehouse_of(tmp_path, **one_of_each(predictions=[long])), "s-1"))
    # A path has no place to break; everything else fits.
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= WIDTH
    assert "\x1b" not in text
    assert "\n        indented" in text


def test_the_sql_of_the_documentation_gives_the_same_trace(warehouse):
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL).group(1)
    names = {}
    exec(compile(code, str(DOCUMENT), "exec"), names)  # noqa: S102 - the code that readers copy
    found, traced = names["trace_by_sql"](warehouse.root, "s-judged"), trace(warehouse, "s-judged")
    assert (found["raw_reply"], json.loads(found["judge_messages"])) == (
        traced["judge"]["raw_reply"],
        traced["judge"]["messages"],
    )
    assert found["judge_reply_paid_by_run"] == traced["judge"]["paid_by_run_id"]
    assert (found["output"], found["prediction_run"]) == ("Paris", traced["prediction"]["run_id"])
    assert (found["prompt_template"], found["prompt_version"]) == (traced["prompt"]["template"], 1)
    assert json.loads(found["model_content"]) == traced["model"]["content"]
    assert (found["dataset"], json.loads(found["example"])) == ("qa", traced["example"]["columns"])
    version = names["delta_version"](warehouse.root, "predictions", "evaluation=trial/model=alpha/prompt=ask")
    assert version == traced["prediction"]["delta"]["version"]


def test_a_trace_shows_control_characters_and_sends_none() -> None:
    wild = "\x1b[31mred\x07\r over \u202edesrever\nnext line\x9b2J"
    shown = "\n".join([*_field("output", wild), *_field("short", "a\x1bb"), *_wrapped(wild, "  ")])
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert "  short: a\\u001bb" in shown
    assert "\\u001b[31mred\\u0007\\u000d over \\u202edesrever" in shown
    assert "next line\\u009b2J" in shown  # line ends stay line ends


def test_a_label_is_told_in_a_trace() -> None:
    assert _scored({"score": None, "label": "calm", "outcome": "ok"}) == "label 'calm'"
    assert _scored({"score": 0.5, "label": "calm", "outcome": "ok"}) == "0.5, label 'calm'"
    assert _scored({"score": None, "label": None, "outcome": "error"}) == "no score (error)"
