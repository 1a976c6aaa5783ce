"""Functions that files name as `module:function` and that can't be used: said with the place that names them."""

import sys
from pathlib import Path

import pytest

from eval_assets.checking.references import refusals
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import FILES, problems_of, project_with

EVALUATION = FILES["evaluations/e.yaml"]
CODE = """
def echo(inputs):
    return inputs


class Answerer:
    pass


def brevity(output, limit=10):
    return len(output.split()) <= limit


def cites(output, contxt):
    return contxt in output


def harder(brevity, latency_seconds, level):
    return brevity * latency_seconds * level


def spread(scores):
    return max(scores) - min(scores)
"""


@pytest.fixture(autouse=True)
def _modules_of_this_test(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in [name for name in sys.modules if name not in before and name.endswith("_here")]:
        del sys.modules[name]


def project_of(folder: Path, *, code: str = CODE, **changed: str) -> Project:
    """The small project with the module `code_here` beside `data/`."""
    (folder / "code_here.py").write_text(code)
    return project_with(folder, **changed)


def metric(fields: str) -> dict[str, str]:
    return {"evaluations/e.yaml": f"{EVALUATION}metrics:\n  - contains\n  - {{metric: mine, {fields}}}\n"}


def called(target: str) -> dict[str, str]:
    return {"models/echo.yaml": f"provider: callable\ncallable: {target}\n"}


def let_in_by(target: str) -> dict[str, str]:
    return {"models/echo.yaml": f"provider: openai\nmodel: m\ntoken_function: {target}\n"}


MODEL = "data/models/echo.yaml:2: callable: "
TOKEN = "data/models/echo.yaml:3: token_function: "
METRIC = "data/evaluations/e.yaml:8: metrics[1].function: "
AGGREGATES = "data/evaluations/e.yaml:8: metrics[1].parameters.aggregates: "


@pytest.mark.parametrize(
    ("changed", "place", "expected"),
    [
        (
            called("cod_here:echo"),
            MODEL,
            "expected the module 'cod_here' {nowhere}; did you mean 'code_here'?",
        ),
        (
            called("zzz:echo"),
            MODEL,
            "expected the module 'zzz' {nowhere}; put it there, or install it",
        ),
        (
            called("eval_assets.prompts.sandbx:echo"),
            MODEL,
            "expected the module 'eval_assets.prompts.sandbx' {nowhere}; did you mean 'eval_assets.prompts.sandbox'?",
        ),
        (
            called("code_here:ecko"),
            MODEL,
            "'code_here' has no 'ecko'; did you mean 'echo'? {here}",
        ),
        (
            called("code_here:Answerer"),
            MODEL,
            "expected a function, an object, or a class with `predict`, `invoke` or `__call__`, got a type {here}",
        ),
        (called("echo"), MODEL, "expected `module:function`, got 'echo'"),
        (let_in_by("code_here:ecko"), TOKEN, "'code_here' has no 'ecko'; did you mean 'echo'? {here}"),
        (
            metric("function: 'cod_here:brevity'"),
            METRIC,
            "expected the module 'cod_here' {nowhere}; did you mean 'code_here'?",
        ),
        (
            metric("function: 'code_here:brevty'"),
            METRIC,
            "expected a function 'brevty' in {folder}/code_here.py, it has {functions}; did you mean 'brevity'?",
        ),
        (metric("function: brevity"), METRIC, "expected `module:function`, got 'brevity'"),
        (
            metric("function: 'code_here:brevity', parameters: {aggregates: ['code_here:spred']}"),
            AGGREGATES,
            "'code_here' has no 'spred'; did you mean 'spread'? {here}",
        ),
        (
            metric("function: 'code_here:cites'"),
            METRIC,
            "nothing fills the argument 'contxt': {unfilled}; did you mean 'context'?",
        ),
    ],
)
def test_code_that_is_not_there_is_said_with_the_nearest_name(
    tmp_path: Path, changed: dict[str, str], place: str, expected: str
) -> None:
    project = project_of(tmp_path, **changed)
    said = place + expected.format(
        folder=tmp_path,
        nowhere=f"in {tmp_path} or installed, there is none",
        here=f"(in {tmp_path}/code_here.py)",
        functions="'brevity', 'cites', 'echo', 'harder', 'spread'",
        unfilled="it is no column of dataset 'qa', no other metric, no parameter, and has no default",
    )
    assert problems_of(project) == [said]
    assert refusals(project, "e", FileVersions(project).metrics) == [said]


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise ValueError('no licence')\n", "ValueError: no licence"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (called("code_here:echo"), MODEL),
        (metric("function: 'code_here:brevity'"), METRIC),
        (metric("function: 'code_here:brevity', parameters: {aggregates: ['code_here:spread']}"), AGGREGATES),
    ],
)
def test_code_that_cant_be_imported_is_said_with_what_it_raised(
    tmp_path: Path, code: str, raised: str, changed: dict[str, str], place: str
) -> None:
    said = problems_of(project_of(tmp_path, code=code + CODE, **changed))
    (found,) = [line for line in said if line.startswith(place)]
    assert raised in found
    assert found.endswith(f"(in {tmp_path}/code_here.py)")


def test_a_metric_module_that_is_no_python_is_said_with_its_line(tmp_path: Path) -> None:
    project = project_of(tmp_path, code="\ndef brevity(output) return 1\n", **metric("function: 'code_here:brevity'"))
    assert problems_of(project) == [f"{METRIC}code_here.py:2: not valid Python: expected ':'"]


def test_arguments_may_be_columns_scores_parts_of_a_prediction_parameters_or_have_a_default(tmp_path: Path) -> None:
    metrics = """metrics:
  - {metric: brevity, function: 'code_here:brevity'}
  - {metric: harder, function: 'code_here:harder'}
  - {metric: cites, function: 'code_here:cites', parameters: {contxt: Berlin}}
"""
    rows = '{"example_id": "a", "inputs": "Why?", "targets": "So.", "level": 2}\n'
    changed = {"evaluations/e.yaml": EVALUATION + metrics, "datasets/qa.jsonl": rows}
    assert problems_of(project_of(tmp_path, **changed)) == []


def test_loading_the_files_imports_no_code_of_the_user(tmp_path: Path) -> None:
    changed = {**called("code_here:echo"), **metric("function: 'code_here:brevity'")}
    project_of(tmp_path, code="raise SystemExit\n", **changed)
    load_project(tmp_path / "data")
    assert "code_here" not in sys.modules


@pytest.mark.parametrize("column", ["context", "n_steps", "outptu", "contxt"])
def test_where_code_answers_a_judge_may_be_shown_what_it_returns_but_no_misspelt_column(
    tmp_path: Path, column: str
) -> None:
    judge = f"definition: Is it right?\nmodel: echo\ncolumns: [{column}]\n"
    said = problems_of(project_of(tmp_path, **{"judges/right.yaml": judge}))
    if column in ("context", "n_steps"):
        assert said == []
    else:
        assert [line for line in said if f"has the column {column!r}" in line]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("models:/support@best", "expected a version of the registry, such as models:/support/3, got"),
        ("saved", "expected a folder that MLflow saved a model in (with a file MLmodel), got"),
    ],
)
def test_a_model_of_mlflow_that_is_none_or_may_become_another_is_said(tmp_path: Path, model: str, said: str) -> None:
    (problem,) = problems_of(project_of(tmp_path, **{"models/echo.yaml": f"provider: mlflow\nmodel: {model}\n"}))
    assert problem.startswith(f"data/models/echo.yaml:2: model: {said}")
