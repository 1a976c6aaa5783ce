"""What README shows can be done as it stands."""

import re
import sys
from pathlib import Path

import polars as pl

from eval_assets.config.evaluation import MetricChoice
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from tests.small_project import project_with
from tests.unit.test_metric_rows import prediction_frame

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text("utf-8")


def python_of(text: str) -> str:
    """The program of the page that has a text in it."""
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if text in code)
    return code


def test_the_custom_metric_of_the_readme_scores_predictions(tmp_path, monkeypatch):
    code = python_of("def cites_source")
    (tmp_path / "my_metrics.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_metrics", raising=False)  # another page's project has one too
    choice = MetricChoice(metric="cites_source", function="my_metrics:cites_source", version="1")
    metrics = [metric for metric in resolve_metrics("text", (choice,)) if metric.label == "cites_source"]
    predictions = prediction_frame(["See the handbook.", "No idea."], context=["the handbook: page 3"] * 2)
    cell = {"evaluation": "e", "model": "m", "prompt": "p"}
    scores = pl.concat(score_predictions([predictions], metrics, previous=None, cell=cell, run_id="r"))
    # "the handbook" stands before the colon of the context; only the first output names it.
    assert scores["score"].to_list() == [1.0, 0.0]
    assert scores["reason"].to_list() == ["looked for 'the handbook'"] * 2
    sys.modules.pop("my_metrics", None)


def test_the_edit_of_the_walkthrough_changes_the_prompt():
    (pattern, file) = re.findall(r"sed -i 's/([^/]+)/[^/]+/' (\S+)", README)[0]
    assert pattern in (CHECKOUT / file).read_text("utf-8")


def test_the_program_of_the_door_from_python_runs_as_it_stands(tmp_path, monkeypatch):
    project = project_with(tmp_path)
    monkeypatch.chdir(tmp_path)
    rows = [{"inputs": "2 + 2?", "targets": "4"}, {"inputs": "3 + 3?", "targets": "6"}]
    scope = {"rows": rows, "my_app": lambda inputs: "4"}
    exec(python_of("ea.evaluate"), scope)  # noqa: S102  what the page tells people to run
    assert scope["r"].metrics["exact_match/v1/mean"] == 0.5  # one of two
    assert (project.data_dir / "evaluations" / "support.yaml").is_file()
