"""What `report --explain` says of a metric: formula, method, assumptions, source."""

from pathlib import Path

import pytest

from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.metrics.formulas import FORMULAS
from eval_assets.metrics.registry import METRICS
from eval_assets.planning.explaining import explain_metric
from eval_assets.stages.engine_room import EngineRoom
from tests.small_project import compute_everything, project_with

CODE = '''
def mine(output: str) -> float:
    """How long
    it is."""
    return float(len(output))


def say(messages):
    return "Because."
'''
EVALUATION = (
    "dataset: qa\nmodels: [echo]\nprompts: [ask]\njudges: [right]\n"
    "metrics:\n- token_f1\n- {metric: mine, function: explained_metrics:mine}\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level]\n"
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("explained")
    (folder / "explained_metrics.py").write_text(CODE)
    model = "provider: callable\ncallable: explained_metrics:say\n"
    project_with(folder, **{"models/echo.yaml": model, "evaluations/e.yaml": EVALUATION})
    compute_everything(folder, run_id="run-1")
    root = Path(folder) / "data" / "warehouse"
    with EngineRoom.from_settings(Settings(Path(folder) / "data", str(root), root / "_state")) as opened:
        yield opened


def lines_of(room, metric: str) -> dict[str, str]:
    """Head → text of what is said."""
    text = explain_metric(room, "e", metric)
    joined = text.replace("\n" + " " * 14, " ")
    return {line[:14].strip(): line[14:] for line in joined.splitlines()}


def test_formulas_are_of_shipped_metrics_and_have_a_source() -> None:
    assert FORMULAS.keys() <= METRICS.keys()
    assert all(formula.text and formula.source for formula in FORMULAS.values())


def test_a_shipped_metric_is_explained_with_its_formula_and_role(room) -> None:
    said = lines_of(room, "token_f1")
    assert said["formula"].startswith("F = 2PR / (P + R); P = common words")
    assert said["role"].startswith("primary: decides ranking, verdict and the confirmatory test")
    assert said["scale"] == "from 0 to 1; higher is better"
    assert "Rajpurkar et al. 2016" in said["source"]
    assert "tokenizer: words" in said["computed by"]
    assert "examples are independent of one another" in said["assumes"]


def test_a_default_says_that_it_is_not_tested(room) -> None:
    assert lines_of(room, "exact_match")["role"].startswith("described: a default of the task, not tested")


def test_a_function_of_the_user_is_explained_by_its_docstring(room) -> None:
    said = lines_of(room, "mine")
    assert (said["formula"], said["source"]) == ("How long it is.", "your code, explained_metrics:mine")


def test_a_judge_is_explained_by_its_definition_and_what_it_is_worth(room) -> None:
    said = lines_of(room, "right")
    assert said["source"] == "data/judges/right.yaml"
    assert "the judge is right as people are: uncalibrated" in said["assumes"]


def test_a_metric_that_is_not_there_is_refused_with_the_nearest(room) -> None:
    with pytest.raises(ConfigError, match="got 'token_f2'; did you mean 'token_f1'"):
        explain_metric(room, "e", "token_f2")
