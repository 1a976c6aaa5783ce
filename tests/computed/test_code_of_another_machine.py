"""Scores are recorded as made by the code that was read with their evaluation; a machine with other code makes none."""

from pathlib import Path

import pytest

from eval_assets.config.settings import settings_from
from eval_assets.errors import MetricError
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.spending import Spending
from tests.small_project import compute_everything, project_with

CELL = "e:echo@ask"
EVALUATION = (
    "dataset: qa\nmodels: [echo]\nprompts: [ask]\nwithout_metrics: [toxicity, token_count]\n"
    'metrics: [{metric: brevity, function: "brevity_here:brevity"}]\n'
)


def written(folder: Path, words: int) -> None:
    (folder / "brevity_here.py").write_text(f"def brevity(output):\n    return len(output.split()) < {words}\n")


def test_another_code_scores_nothing_until_the_evaluation_is_read_again(tmp_path: Path) -> None:
    written(tmp_path, 3)
    project_with(tmp_path, **{"evaluations/e.yaml": EVALUATION, "judges/right.yaml": None})
    warehouse = compute_everything(tmp_path, run_id="first")
    scores = warehouse.scan("heuristic_metrics").collect()
    written(tmp_path, 9)
    with EngineRoom.from_settings(settings_from({}, data_dir=tmp_path / "data")) as room:
        with pytest.raises(MetricError, match=r"the code of brevity as it was when that was read, got another"):
            compute(room, "heuristic_metrics", CELL, Spending(), run_id="second")
        assert warehouse.scan("heuristic_metrics").collect().equals(scores)
        compute(room, "evaluations", "e", Spending(), run_id="second")
        compute(room, "heuristic_metrics", CELL, Spending(), run_id="second")
    assert set(warehouse.scan("heuristic_metrics").collect()["run_id"]) >= {"second"}
