"""`ea.evaluate` from what it is given to what it returns."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import eval_assets as ea
from eval_assets.errors import ConfigError, DatasetError

CHECKOUT = Path(__file__).parents[2]
ROWS = [
    {"inputs": "a", "targets": "A"},
    {"inputs": "b", "targets": "B"},
    {"inputs": "c", "targets": "not C"},
]
EXACT = ["exact_match"]


def upper(inputs):
    return inputs.upper()


def unchanged(inputs):
    return inputs


def test_a_function_answers_every_row_and_is_scored(project):
    r = ea.evaluate(pl.DataFrame(ROWS), upper, metrics=EXACT)
    assert r.df["output"].to_list() == ["A", "B", "C"]
    assert r.df["exact_match"].to_list() == [1.0, 1.0, 0.0]
    assert r.metrics["exact_match/v1/mean"] == pytest.approx(2 / 3)
    # population variance of 1, 1, 0: mean of squares 2/3 less 4/9
    assert r.metrics["exact_match/v1/variance"] == pytest.approx(2 / 9)
    assert (r.n_sent, r.n_reused) == (3, 0)


def test_the_same_function_is_not_asked_again_and_an_edited_one_is(project):
    def answer(inputs, suffix=""):
        return inputs.upper() + suffix

    assert ea.evaluate(ROWS, answer, metrics=EXACT).n_sent == 3
    again = ea.evaluate(ROWS, answer, metrics=EXACT)
    assert (again.n_sent, again.n_reused) == (0, 3)
    answer.__defaults__ = ("!",)
    edited = ea.evaluate(ROWS, answer, metrics=EXACT)
    assert (edited.n_sent, edited.df["output"].to_list()) == (3, ["A!", "B!", "C!"])


def test_two_candidates_are_compared_and_only_the_new_one_is_asked(project):
    ea.evaluate(ROWS, upper, metrics=EXACT)
    r = ea.evaluate(ROWS, upper, unchanged, metrics=EXACT)
    assert (r.n_sent, r.n_reused) == (3, 3)
    assert r.metrics["upper/exact_match/v1/mean"] == pytest.approx(2 / 3)
    assert r.metrics["unchanged/exact_match/v1/mean"] == 0.0
    assert [(flip.example_id, flip.improvement) for flip in r.flips()] == [("0", -1.0), ("1", -1.0)]
    assert {"upper", "upper.exact_match", "unchanged", "unchanged.exact_match"} <= set(r.df.columns)


def test_a_pandas_frame_comes_back_as_one_with_its_index(project):
    import pandas as pd

    frame = pd.DataFrame(ROWS, index=["x", "y", "z"])
    r = ea.evaluate(frame, upper, metrics=EXACT)
    assert isinstance(r.df, pd.DataFrame)
    assert list(r.df.index) == ["x", "y", "z"]
    assert r.df.loc["z", "output"] == "C"
    assert str(r.df["exact_match"].dtype) == "float64"
    assert r.scores["example_id"].to_list() == ["x", "y", "z"]


def test_a_file_is_read_by_its_path_with_the_columns_as_they_are_called(project):
    (project / "support.csv").write_text("question;answer\na;A\nb;x\n")
    r = ea.evaluate("support.csv", upper, metrics=EXACT, columns={"inputs": "question", "targets": "answer"})
    assert r.df["exact_match"].to_list() == [1.0, 0.0]


def test_rows_of_mlflows_shape_are_taken_as_they_are(project):
    rows = [{"inputs": {"question": "a"}, "expectations": {"expected_response": "A"}, "outputs": "A"}]
    static = ea.evaluate(rows, metrics=EXACT)
    assert static.metrics["exact_match/v1/mean"] == 1.0

    def app(question):
        return question.upper()

    def scorer(outputs, expectations):
        return outputs == expectations["expected_response"]

    asked = ea.evaluate(rows, app, metrics=[scorer])
    assert (asked.df["output"].to_list(), asked.metrics["scorer/mean"]) == (["A"], 1.0)


def test_a_column_of_outputs_is_a_candidate_and_not_shown_to_others(project):
    rows = [{**row, "draft": row["targets"]} for row in ROWS]
    seen = []

    def app(columns):
        seen.append(sorted(columns))
        return "x"

    r = ea.evaluate(rows, "draft", app, metrics=EXACT)
    assert r.metrics["draft/exact_match/v1/mean"] == 1.0
    assert seen[0] == ["inputs"]


def test_functions_may_be_coroutines_or_take_many_rows(project):
    sizes = []

    async def waiting(inputs):
        await asyncio.sleep(0)
        return inputs.upper()

    def batch(rows):
        sizes.append(len(rows))
        return [row["inputs"].upper() for row in rows]

    rows = [{"inputs": f"q{n}", "targets": f"Q{n}"} for n in range(100)]
    r = ea.evaluate(rows, waiting, batch, metrics=EXACT)
    assert r.metrics["waiting/exact_match/v1/mean"] == r.metrics["batch/exact_match/v1/mean"] == 1.0
    assert sum(sizes) == 100
    assert max(sizes) > 1


def test_a_function_that_raises_costs_its_rows_which_are_asked_again(project):
    def app(inputs):
        if inputs == "b":
            raise ValueError("no b")
        return inputs.upper()

    r = ea.evaluate(ROWS, app, metrics=EXACT)
    assert r.df["outcome"].to_list() == ["ok", "error", "ok"]
    (row,) = r.errors.to_dicts()
    assert (row["example_id"], row["outcome"]) == ("1", "error")
    assert "ValueError: no b" in row["reason"]
    assert ea.evaluate(ROWS, app, metrics=EXACT).n_sent == 1


def test_a_function_that_raises_on_every_row_is_a_table_of_errors(project):
    def app(inputs):
        raise RuntimeError("down")

    rows = [{"inputs": str(n)} for n in range(30)]
    r = ea.evaluate(rows, app, metrics=["token_count"])
    assert r.errors.filter(pl.col("outcome") == "error").height == 30


def test_what_a_function_holds_that_has_no_hash_is_not_reused_and_that_is_said(project):
    held = iter("")

    def app(inputs):
        return inputs if held else ""

    r = ea.evaluate(ROWS, app, metrics=EXACT)
    assert "'held', which 'app' closes over, is an object of builtins.str_ascii_iterator" in repr(r)
    assert ea.evaluate(ROWS, app, metrics=EXACT).n_sent == 3
    model = ea.Model(function=app, version="1")
    assert ea.evaluate(ROWS, model, metrics=EXACT).n_sent == 3
    assert ea.evaluate(ROWS, model, metrics=EXACT).n_sent == 0


def test_it_works_inside_a_running_event_loop(project):
    async def cell():
        r = ea.evaluate(ROWS, upper, metrics=EXACT)
        other = await ea.aevaluate(ROWS, unchanged, metrics=EXACT)
        return r.n_sent, other.n_sent

    assert asyncio.run(cell()) == (3, 3)


def test_a_project_that_was_opened_is_one_to_evaluate_in(project, monkeypatch):
    opened = ea.open_project(project)
    monkeypatch.chdir(project.parent)
    r = ea.evaluate(ROWS, upper, metrics=EXACT, project=opened)
    assert r.settings.project_dir == project


def test_functions_are_metrics(project):
    def length_ratio(output, targets) -> float:
        return len(output) / len(targets)

    r = ea.evaluate(ROWS, upper, metrics=[length_ratio, {"function": lambda output: output == "A", "metric": "is_a"}])
    # targets have 1, 1 and 5 characters
    assert r.metrics["length_ratio/mean"] == pytest.approx((1 + 1 + 1 / 5) / 3)
    assert r.metrics["is_a/mean"] == pytest.approx(1 / 3)


def test_a_plan_says_what_would_be_sent_and_sends_nothing(project):
    def app(inputs):
        (Path.cwd() / "asked").touch()
        return inputs

    plan = ea.plan(ROWS, app, metrics=EXACT)
    assert (plan.n_to_send, plan.n_reused) == (3, 0)
    assert not (project / "asked").exists()
    assert "app@inputs" not in repr(plan)
    ea.evaluate(ROWS, app, metrics=EXACT)
    assert ea.plan(ROWS, app, metrics=EXACT).n_to_send == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ea.evaluate([{"question": "a", "answer": "b"}], upper), r"columns=\{'inputs': 'question', 'targets'"),
        (lambda: ea.evaluate([], upper), "expected at least one row"),
        (lambda: ea.evaluate(7, upper), "expected a pandas or polars frame"),
        (lambda: ea.evaluate("no-such-dataset", upper), "there is no dataset 'no-such-dataset'"),
        (lambda: ea.evaluate(ROWS), "expected a function, 'model@prompt'"),
        (lambda: ea.evaluate(ROWS, "draft"), "'draft' is neither a column of the data nor 'model@prompt'"),
        (lambda: ea.evaluate(ROWS, 7), "candidates: expected a function"),
        (lambda: ea.evaluate(ROWS, upper, task="qa"), "task: expected 'auto' or one of"),
        (lambda: ea.evaluate(ROWS, upper, metrics=["exact_mach"]), "did you mean 'exact_match'"),
        (lambda: ea.evaluate(ROWS, upper, metrics=EXACT, baseline="uper"), "did you mean 'upper'"),
        (lambda: ea.evaluate(ROWS, upper, unchanged, metrics=EXACT, baseline="uper"), "did you mean 'upper'"),
        (lambda: ea.evaluate(ROWS, upper, metrics=EXACT, samples=0), "samples"),
        (lambda: ea.evaluate(ROWS, upper, columns={"input": "inputs"}), "did you mean 'inputs'"),
        (lambda: ea.evaluate(ROWS, upper, columns={"inputs": "question"}), "no row of data has a value in 'question'"),
        (lambda: ea.evaluate(ROWS, lambda inputs, colour: "", metrics=EXACT), "nothing fills its argument 'colour'"),
        (lambda: ea.evaluate(ROWS, lambda targets: "", metrics=EXACT), "candidates aren't shown the targets"),
        (lambda: ea.evaluate(ROWS, upper, metrics=EXACT, name="My name"), "such as 'my-name'"),
        (lambda: ea.evaluate(ROWS, upper, metrics=EXACT, judges=["polite"]), "there is no 'polite'"),
        (lambda: ea.evaluate(ROWS, upper, metrics=EXACT, project="nowhere"), "expected the folder of a project"),
        (lambda: ea.evaluate(ROWS, ea.Model("m", temperature=0), metrics=EXACT), "temperature"),
        (lambda: ea.evaluate(ROWS, ea.Model("m", parameters={"api_key": "a"}), metrics=EXACT), "holds a secret"),
        (lambda: ea.evaluate(ROWS, ea.Model("m", base_url="ftp://host"), metrics=EXACT), "base_url"),
        (lambda: ea.evaluate(ROWS, upper, metrics=EXACT, samples=20_000), "samples: expected at most"),
    ],
)
def test_what_cant_be_used_is_refused_with_what_to_do(project, call, said):
    with pytest.raises((ConfigError, DatasetError), match=said):
        call()


def test_without_a_project_a_scratch_folder_is_used_and_said_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EVAL_ASSETS_WAREHOUSE", raising=False)
    monkeypatch.delenv("EVAL_ASSETS_DATA", raising=False)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for _ in range(2):
        r = ea.evaluate(ROWS, upper, metrics=EXACT)
    assert capsys.readouterr().err.count("replies and tables are kept in") == 1
    assert r.n_reused == 3
    assert not list((tmp_path / "empty").iterdir())


def test_importing_takes_neither_dagster_nor_polars_and_evaluating_takes_no_dagster(project):
    code = (
        "import sys, json; import eval_assets as ea; before = sorted(sys.modules);"
        "ea.evaluate([{'inputs': 'a', 'targets': 'A'}], lambda inputs: 'A', metrics=['exact_match']);"
        "print(json.dumps([before, sorted(sys.modules)]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONPATH": str(CHECKOUT)}, cwd=project
    )
    before, after = map(set, json.loads(said.stdout))
    assert not {"dagster", "polars", "pydantic", "numpy"} & before
    assert not {"dagster", "pandas", "openai", "scipy.stats"} & after
