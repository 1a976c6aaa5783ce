"""`compat.mlflow` beside what MLflow itself said of the same tables: `benchmarks/mlflow_values.py` recorded it."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd  # noqa: TID253  what MLflow takes
import polars as pl
import pytest

from eval_assets.compat import mlflow
from eval_assets.errors import ConfigError, MetricError
from tests.small_project import project_with

DATA = Path(__file__).parents[1] / "data"
RECORDED = json.loads((DATA / "mlflow_models_evaluate.json").read_text("utf-8"))
RECORDED_GENAI = json.loads((DATA / "mlflow_genai_evaluate.json").read_text("utf-8"))
ROWS, RETRIEVED = pd.DataFrame(RECORDED["rows"]), pd.DataFrame(RECORDED["retrieved"])
STATIC = {"data": ROWS, "predictions": "answer", "targets": "truth"}
DIGITS = 1e-9  # MLflow writes tables as JSON with ten digits


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory):
    """A project to compute in, which has one judge."""
    folder = tmp_path_factory.mktemp("compat")
    project_with(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVAL_ASSETS_DATA", str(folder / "data"))
        for variable in ("EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_STATE"):
            patch.delenv(variable, raising=False)
        yield folder


def assert_as_recorded(result: Any, recorded: dict[str, Any]) -> None:
    """Every key of MLflow's with its value, every column with its values; further ones may be there."""
    for key, value in recorded["metrics"].items():
        assert result.metrics[key] == pytest.approx(value, abs=DIGITS), key
    table = result.tables["eval_results_table"]
    for column, values in recorded["table"].items():
        found = table[column].tolist()
        assert found == (values if isinstance(values[0], str | list) else pytest.approx(values, abs=DIGITS)), column


def metric(eval_fn: Any, name: str | None = None, **fields: Any) -> Any:
    """What `mlflow.models.make_metric` makes, as far as it is looked at."""
    usual = {"version": None, "greater_is_better": True, "genai_metric_args": None}
    return SimpleNamespace(name=name or eval_fn.__name__, eval_fn=eval_fn, **{**usual, **fields})


def shipped(name: str, module: str = "mlflow.metrics.metric_definitions", **fields: Any) -> Any:
    """A metric of MLflow's own: its function isn't called."""

    def never(*_: Any) -> None:
        raise AssertionError("computed by MLflow")

    never.__module__ = module
    return metric(never, name, **fields)


def values(scores: list[Any], justifications: list[str] | None = None, results: Any = None) -> Any:
    """A `MetricValue` of MLflow."""
    return SimpleNamespace(scores=scores, justifications=justifications, aggregate_results=results)


@pytest.mark.parametrize("task", ["question-answering", "text-summarization"])
def test_outputs_that_are_there_get_the_numbers_of_mlflow(task: str) -> None:
    assert_as_recorded(mlflow.evaluate(**STATIC, model_type=task), RECORDED["calls"][task])


def test_outputs_without_targets_get_the_numbers_of_mlflow() -> None:
    result = mlflow.evaluate(data=ROWS, predictions="answer", model_type="text")
    assert_as_recorded(result, RECORDED["calls"]["text"])
    assert "exact_match/v1" not in result.metrics


def test_retrieved_ids_get_the_numbers_of_mlflow_at_the_depth_asked_for() -> None:
    config = {"retriever_k": 2}
    found = mlflow.evaluate(
        data=RETRIEVED, predictions="found", targets="wanted", model_type="retriever", evaluator_config=config
    )
    assert_as_recorded(found, RECORDED["calls"]["retriever"])
    assert set(found.metrics) == set(RECORDED["calls"]["retriever"]["metrics"])


def shout(frame: pd.DataFrame) -> list[str]:
    assert list(frame.columns) == ["question"]
    return [question.upper() for question in frame["question"]]


def test_a_model_that_takes_a_frame_gets_the_numbers_of_mlflow() -> None:
    result = mlflow.evaluate(shout, ROWS[["question", "truth"]], targets="truth", model_type="question-answering")
    assert_as_recorded(result, RECORDED["calls"]["model"])


def longer(predictions: Any, targets: Any, metrics: Any) -> Any:
    scores = [float(len(said) > len(wanted)) for said, wanted in zip(predictions, targets, strict=True)]
    assert metrics["exact_match/v1"].aggregate_results == {"exact_match": 0.4}
    return values(scores)


def spread(eval_df: Any, builtin_metrics: Any) -> float:
    return float(eval_df["prediction"].str.len().max() - builtin_metrics["exact_match/v1"])


def test_extra_metrics_and_a_prefix_get_the_names_and_numbers_of_mlflow() -> None:
    extra = [shipped("exact_match"), shipped("rougeL"), metric(longer, version="v2"), metric(spread)]
    result = mlflow.evaluate(**STATIC, extra_metrics=extra, evaluator_config={"default": {"metric_prefix": "val_"}})
    recorded = RECORDED["calls"]["extra"]
    assert set(result.metrics) == set(recorded["metrics"])
    assert_as_recorded(result, recorded)


def test_a_metric_function_is_given_columns_options_and_other_metrics_by_name() -> None:
    seen: dict[str, Any] = {}

    def curious(predictions: Any, passage: Any, limit: Any, token_count: Any, missing: Any = "default") -> float:
        seen.update(passage=list(passage), limit=limit, counts=token_count.scores, missing=missing)
        return float(len(predictions))

    result = mlflow.evaluate(**STATIC, extra_metrics=["token_count", metric(curious)], evaluator_config={"limit": 3})
    assert result.metrics["curious"] == 5
    assert seen == {
        "passage": ROWS["passage"].tolist(),
        "limit": 3,
        "counts": RECORDED["calls"]["text"]["table"]["token_count"],
        "missing": "default",
    }


def test_justifications_and_aggregates_of_a_function_are_kept() -> None:
    def reasoned(predictions: Any) -> Any:
        return values(list(map(len, predictions)), [f"it has {len(said)}" for said in predictions], {"max": 99})

    result = mlflow.evaluate(**STATIC, extra_metrics=[metric(reasoned)])
    assert result.metrics == {"reasoned/max": 99}
    assert result.tables["eval_results_table"]["reasoned/justification"][0] == "it has 1"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda predictions: values([1.0]), "expected a number, or a MetricValue with 5 scores"),
        (lambda predictions: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_metric_function_that_fails_is_an_error_with_its_name(function: Any, said: str) -> None:
    with pytest.raises(MetricError, match=f"'broken'.*{said}"):
        mlflow.evaluate(**STATIC, extra_metrics=[metric(function, "broken")])


def test_an_argument_that_nothing_fills_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"'asking'.*'pasage'; did you mean 'passage'"):
        mlflow.evaluate(**STATIC, extra_metrics=[metric(lambda predictions, targets, pasage: 0.0, "asking")])


def test_custom_artifacts_are_made_and_returned() -> None:
    def kept(eval_df: pd.DataFrame, builtin_metrics: Any, artifacts_dir: str) -> dict[str, Any]:
        Path(artifacts_dir, "note.txt").write_text("hello")
        assert list(eval_df.columns) == ["prediction", "target"]
        assert "rouge1/v1" in builtin_metrics
        return {"note": str(Path(artifacts_dir, "note.txt")), "pairs": eval_df}

    result = mlflow.evaluate(**STATIC, extra_metrics=["rouge1"], custom_artifacts=[kept])
    assert Path(result.artifacts["note"].uri).read_text() == "hello"
    assert list(result.tables) == ["eval_results_table", "pairs"]
    assert result.artifacts["eval_results_table"].content is result.tables["eval_results_table"]


def test_a_result_is_saved_as_mlflow_lays_it_out(tmp_path: Path) -> None:
    result = mlflow.evaluate(**STATIC, extra_metrics=["rouge1"])
    result.save(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == result.metrics
    table = json.loads((tmp_path / "artifacts" / "eval_results_table.json").read_text())
    assert table["columns"] == list(result.tables["eval_results_table"].columns)
    assert len(table["data"]) == 5


@pytest.mark.parametrize(
    "data",
    [
        ROWS.to_dict("records"),
        pl.DataFrame(RECORDED["rows"]),
        SimpleNamespace(df=ROWS, targets="truth", predictions="answer"),
    ],
    ids=["list of mappings", "polars", "dataset of mlflow.data"],
)
def test_rows_may_come_in_other_forms(data: Any) -> None:
    named = {} if hasattr(data, "targets") else {"targets": "truth", "predictions": "answer"}
    assert mlflow.evaluate(data=data, extra_metrics=["exact_match"], **named).metrics == {"exact_match/v1": 0.4}


def test_an_array_of_features_comes_with_an_array_of_targets() -> None:
    def first(frame: pd.DataFrame) -> Any:
        return frame["feature_1"]

    given = np.array([["a", "b"], ["c", "d"]])
    result = mlflow.evaluate(first, given, targets=np.array(["a", "x"]), extra_metrics=["exact_match"])
    assert result.metrics == {"exact_match/v1": 0.5}


def test_a_model_is_shown_the_features_that_are_named() -> None:
    def joined(frame: pd.DataFrame) -> list[str]:
        return [" ".join(row) for row in frame.itertuples(index=False)]

    result = mlflow.evaluate(
        joined, ROWS, targets="truth", feature_names=["question", "passage"], extra_metrics=["token_count"]
    )
    assert result.tables["eval_results_table"]["outputs"][0] == "What is 2 + 2? Sums."


def test_an_object_with_predict_is_a_model_and_one_of_its_columns_the_answer() -> None:
    class Served:
        def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
            return pd.DataFrame({"said": frame["question"], "sure": [1.0] * len(frame)})

    result = mlflow.evaluate(Served(), ROWS, targets="truth", predictions="said", extra_metrics=["token_count"])
    assert result.tables["eval_results_table"]["said"].tolist() == ROWS["question"].tolist()


def test_an_empty_output_has_no_score_here_and_one_in_mlflow() -> None:
    data, recorded = pd.DataFrame(RECORDED["empty"]), RECORDED["calls"]["empty"]
    result = mlflow.evaluate(data=data, predictions="answer", targets="truth", model_type="question-answering")
    assert recorded["metrics"]["exact_match/v1"] == pytest.approx(2 / 3)  # two of three texts are equal
    assert result.metrics["exact_match/v1"] == 1  # of the one row that has an answer
    assert recorded["table"]["ari_grade_level/v1/score"] == [-16.22, 0, 0]
    scores = result.tables["eval_results_table"]["ari_grade_level/v1/score"]
    assert scores[0] == pytest.approx(-16.22)
    assert scores[1:].isna().all()


def test_latency_has_the_keys_of_mlflow() -> None:
    result = mlflow.evaluate(shout, ROWS[["question"]], extra_metrics=["latency"])
    assert sorted(result.metrics) == RECORDED["latency"]["metrics"]
    assert list(result.tables["eval_results_table"].columns) == RECORDED["latency"]["table"]


def test_rows_that_fail_are_rows_without_scores_and_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    def failing(frame: pd.DataFrame) -> list[str]:
        raise RuntimeError("no answer today")

    result = mlflow.evaluate(failing, ROWS, targets="truth", model_type="question-answering")
    assert result.metrics == {}
    assert "rows without an answer, which have no scores: 5 error" in caplog.text
    assert result.result.errors["reason"][0].endswith("RuntimeError: no answer today")


def test_judges_of_metrics_genai_keep_their_definition_examples_and_model(project: Path) -> None:
    from eval_assets.compat.mlflow.extra_metrics import extra_metrics_of
    from eval_assets.config.project_files import load_project

    example = SimpleNamespace(input="q", output="a", score=2, justification="so", grading_context={"targets": "t"})
    said = {
        "definition": "It is polite.", "grading_prompt": "Score 1: rude", "examples": [example],
        "model": "openai:/gpt-4o", "grading_context_columns": ["targets"], "parameters": {"temperature": 0.0},
        "include_input": False, "aggregations": ["mean", "max"],
    }  # fmt: skip
    polite = shipped("polite", "mlflow.metrics.genai.genai_metric", version="v1", genai_metric_args=said)
    (judge,) = extra_metrics_of([polite], load_project(project / "data")).judges
    assert (judge.name, judge.fields["definition"], judge.fields["rubric"]) == (
        "polite",
        "It is polite.",
        "Score 1: rude",
    )
    assert judge.fields["examples"] == [
        {"input": "q", "output": "a", "score": 2, "justification": "so", "columns": {"targets": "t"}}
    ]
    assert (judge.fields["include_input"], judge.fields["aggregates"]) == (False, ["mean", "max"])
    assert judge.model.fields["model"] == "gpt-4o"


def test_a_judge_of_the_project_is_named_with_hyphens_or_underscores(project: Path) -> None:
    result = mlflow.evaluate(**STATIC, extra_metrics=["right"])
    # The judge's model says what it is asked, which is no verdict: its scores are missing, and nothing else is.
    assert result.metrics == {}
    assert [row["metric"] for row in result.result.summary.iter_rows(named=True)] == ["right"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model_type": "classifier"}, r"model_type.*'classifier'; texts are evaluated here"),
        ({"model_type": "question-anwering"}, "did you mean 'question-answering'"),
        ({"model_type": None}, "expected a task, or metrics"),
        ({"baseline_model": shout}, r"baseline_model.*ea\.evaluate\(data, baseline, candidate\)"),
        ({"validation_thresholds": {"x": 1}}, "validation_thresholds.*assert_no_regression"),
        ({"inference_params": {"max_tokens": 9}}, r"inference_params.*ea\.Model"),
        ({"model_id": "m-1"}, "model_id.*search_runs"),
        ({"dataset_path": "s3://x"}, "dataset_path"),
        ({"evaluators": ["shap"]}, "evaluators: expected 'default'"),
        ({"env_manager": "conda"}, "env_manager: expected 'local'"),
        ({"evaluator_config": {"pos_label": 1}}, "'pos_label' is no option here"),
        ({"predictions": "anwser"}, "no column 'anwser'; did you mean 'answer'"),
        ({"targets": "trut"}, "no column 'trut'; did you mean 'truth'"),
        ({"targets": ["4"] * 5}, "targets: expected the name of a column"),
        ({"predictions": None}, "predictions: expected the column that holds outputs"),
        ({"extra_metrics": ["rogue1"]}, "no metric or judge 'rogue1'; did you mean 'rouge1'"),
        ({"extra_metrics": [3]}, "extra_metrics: expected EvaluationMetric objects"),
        ({"model": "endpoints:/my-model"}, r"mlflow\.pyfunc\.load_model"),
        ({"model": "models:/my-model@best", "predictions": None}, "expected a version of the registry"),
        ({"model": 3}, "model: expected a function"),
        ({"data": "rows.csv"}, "data: expected a pandas or polars frame"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_what_to_do_instead(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        mlflow.evaluate(**{**STATIC, "model_type": "text", **arguments})


def same(outputs: Any, expectations: Any) -> bool:
    return outputs == expectations["expected_response"]


def n_characters(outputs: Any) -> int:
    return len(outputs)


def half(inputs: Any) -> Any:
    return SimpleNamespace(value=0.5, rationale=f"as ever, {inputs['question']}")


def answered(question: str) -> str:
    return question.upper()


@pytest.mark.parametrize("given", ["outputs", "predict_fn"])
def test_scorers_of_genai_get_the_numbers_of_mlflow(given: str) -> None:
    rows = [
        {name: row[name] for name in row if given == "outputs" or name != "outputs"} for row in RECORDED_GENAI["rows"]
    ]
    scorers = [SimpleNamespace(name="same", _original_func=same), n_characters, half]
    result = mlflow.genai.evaluate(rows, scorers, None if given == "outputs" else answered)
    recorded = RECORDED_GENAI["calls"][given]
    assert result.metrics == pytest.approx(recorded["metrics"])
    for column, found in recorded["table"].items():
        assert result.result_df[column].tolist() == found, column
    assert list(result.tables) == ["eval_results"]


def test_words_for_yes_and_no_are_scores_and_other_words_are_labels() -> None:
    def polite(outputs: Any) -> str:
        return "yes" if outputs == "4" else "no"

    def colour(outputs: Any) -> str:
        return "blue"

    result = mlflow.genai.evaluate(RECORDED_GENAI["rows"], [polite, colour])
    assert result.metrics == {"polite/mean": pytest.approx(1 / 3)}
    assert result.result_df["colour/value"].tolist() == ["blue"] * 3


class Correctness:
    name = "correctness"


class ToolCallCorrectness:
    name = "tool_call_correctness"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scorers": [Correctness()]}, "Correctness is the judge 'answer-correctness' here"),
        ({"scorers": [ToolCallCorrectness()]}, "ToolCallCorrectness has no counterpart"),
        ({"scorers": [lambda outputs, trace: 1]}, "asks for the trace"),
        ({"scorers": []}, "expected at least one"),
        ({"model_id": "m-1"}, "model_id: not taken here"),
        ({"predict_fn": answered}, "got both"),
        ({"data": [{"inputs": {"question": "?"}}]}, "got neither"),
        ({"data": [{"question": "?", "outputs": "!"}]}, "of which inputs has to be there"),
    ],
)
def test_what_scorers_cannot_be_used_for_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        mlflow.genai.evaluate(**{"data": RECORDED_GENAI["rows"], "scorers": [same], **arguments})


class Guidelines:
    name, guidelines = "house rules", ["Say please."]


def test_a_built_in_scorer_is_a_judge_of_the_project_and_brings_its_guidelines(tmp_path: Path) -> None:
    from eval_assets.compat.mlflow.scorers import scorers_of

    judges = Path(__file__).parents[2] / "data" / "judges"
    files = {
        f"judges/{name}.yaml": (judges / f"{name}.yaml").read_text() for name in ("guidelines", "answer-correctness")
    }
    found = scorers_of([Correctness(), Guidelines()], project_with(tmp_path, **files))
    assert found.judges[0] == "answer-correctness"
    assert (found.judges[1].name, found.judges[1].fields["guidelines"]) == ("house_rules", ["Say please."])
    assert found.named == {"answer-correctness": "correctness", "house_rules": "house rules"}


def test_mlflow_is_never_imported() -> None:
    assert "mlflow" not in sys.modules
