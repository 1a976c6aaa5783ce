"""Columns that an application returns beside its answer: what metrics, judges, frames and traces make of them."""

import json

import pytest

import eval_assets as ea
from eval_assets.errors import ConfigError
from eval_assets.storage.tracing.trace_text import trace_text

ROWS = [
    {"inputs": "Capital of France?", "targets": "Paris", "relevant_ids": ["fr"], "context": "Madrid."},
    {"inputs": "Capital of Italy?", "targets": "Rome", "relevant_ids": ["it", "va"], "context": "Madrid."},
]
FOUND = {
    "Capital of France?": ("Paris", [{"doc_id": "fr", "content": "Paris is the capital."}, {"doc_id": "es"}], 1),
    "Capital of Italy?": ("Milan", [{"doc_id": "es", "content": "Madrid."}, {"doc_id": "it", "content": "Rome."}], 3),
}


class Assistant:
    """A retrieval application as people have it."""

    def __init__(self, depth=2):
        self.depth = depth

    def predict(self, inputs):
        answer, documents, n_steps = FOUND[inputs]
        return {"answer": answer, "retrieved_context": documents[: self.depth], "n_steps": n_steps}


def plain(inputs):
    return FOUND[inputs][0]


def few_steps(n_steps: int) -> tuple[bool, str]:
    return n_steps < 3, f"{n_steps} steps"


JUDGE = """
import json

def grounded(messages):
    said = "pass" if "Paris is the capital." in messages[-1]["content"] else "fail"
    return json.dumps({"justification": "As shown.", "verdict": said})
"""


def evaluated(project):
    (project / "judging_here.py").write_text(JUDGE)
    judge = ea.Judge(
        "grounded", model=ea.Model(provider="callable", callable="judging_here:grounded"), kind="template",
        scale={"type": "pass_fail"},
        prompt="Context: {{ context }} Steps: {{ n_steps }} Output: {{ output }}",
    )  # fmt: skip
    recall = {"metric": "recall_at_k", "label": "recall", "parameters": {"k": 2}}
    metrics = ["exact_match", recall, "hit_rate", "context_recall", few_steps]
    return ea.evaluate(ROWS, Assistant, metrics=metrics, judges=[judge])


def test_metrics_and_judges_read_what_the_application_returned(project):
    r = evaluated(project)
    scores = {metric: r.df[metric].to_list() for metric in ("exact_match", "hit_rate", "few_steps", "grounded")}
    # the second answer is wrong; a relevant document was found for both; 1 and 3 steps
    assert scores == {
        "exact_match": [1.0, 0.0], "hit_rate": [1.0, 1.0], "few_steps": [1.0, 0.0], "grounded": [1.0, 0.0],
    }  # fmt: skip
    assert r.df["recall"].to_list() == [1.0, 0.5]  # one of one, one of two
    # "paris" is in what was retrieved, and so is "rome"; both are in no context of the data
    assert r.df["context_recall"].to_list() == [1.0, 1.0]


def test_the_frame_and_the_trace_show_what_was_returned(project):
    r = evaluated(project)
    assert r.df["n_steps"].to_list() == ["1", "3"]
    assert json.loads(r.df["retrieved_context"][0])[0]["doc_id"] == "fr"
    assert r.df["context"].to_list() == ["Madrid.", "Madrid."]  # the data's own column stays
    (identifier,) = r.scores.filter(metric="few_steps", example_id="1")["prediction_id"].to_list()
    traced = r.trace(identifier)
    assert json.loads(traced["prediction"]["extra"])["n_steps"] == 3
    assert '"n_steps":3' in trace_text(traced)


def test_columns_of_several_candidates_stand_under_their_names(project):
    r = ea.evaluate(ROWS, Assistant, plain, metrics=["exact_match"])
    assert r.df["Assistant.n_steps"].to_list() == ["1", "3"]
    assert "plain.n_steps" not in r.df.columns


def test_a_score_is_made_anew_where_only_what_was_returned_changed(project):
    steps = {"n": 1}

    def app(inputs):
        return {"output": "same", "n_steps": steps["n"]}

    first = ea.evaluate(ROWS, ea.Model(function=app, version="1"), metrics=[few_steps], name="steps")
    steps["n"] = 5
    model = ea.Model(function=app, version="1")
    again = ea.evaluate(ROWS, model, metrics=[few_steps], name="steps", cache="refresh")
    assert (first.metrics["few_steps/mean"], again.metrics["few_steps/mean"]) == (1.0, 0.0)


def test_a_row_without_the_column_is_skipped_and_says_so(project):
    r = ea.evaluate(ROWS, plain, metrics=[few_steps])
    assert r.df["few_steps"].to_list() == [None, None]
    assert "argument 'n_steps'" in r.errors["reason"][0]


@pytest.mark.parametrize("wrong", ["n_stepz", "contxt"])
def test_a_misspelt_column_of_the_data_is_still_refused(project, wrong):
    """`contxt` is near a column, `n_stepz` may be one that the application returns."""
    namespace: dict = {}
    exec(f"def metric({wrong}) -> bool:\n    return True\n", namespace)  # noqa: S102
    if wrong == "contxt":
        with pytest.raises(ConfigError, match="did you mean 'context'"):
            ea.evaluate(ROWS, Assistant, metrics=[namespace["metric"]])
    else:
        assert ea.evaluate(ROWS, Assistant, metrics=[namespace["metric"]]).df["metric"].to_list() == [None, None]


def test_outputs_that_are_saved_keep_what_was_returned_beside_them(project):
    found = dict(FOUND)
    app = lambda inputs: {"output": found[inputs][0], "n_steps": found[inputs][2]}  # noqa: E731  has no text to save
    r = ea.evaluate(ROWS, app, metrics=[few_steps])
    r.save("saved")
    again = ea.evaluate(ROWS, "lambda@inputs", metrics=[few_steps])
    assert again.df["few_steps"].to_list() == r.df["few_steps"].to_list() == [1.0, 0.0]
    assert again.df["n_steps"].to_list() == ["1", "3"]
