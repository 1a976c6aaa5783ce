"""Recorded trajectories of an agent, several trials of each task, through the command line to pass^k."""

import json
import re
from pathlib import Path

import pytest

from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.numbers import number_text
from tests.command_line import isolated, outcome_of
from tests.trajectories import PUBLISHED, write_trajectories

OWN = Path(__file__).parents[1] / "data" / "trajectories.json"
IS_ABSENT = pytest.mark.skipif(not PUBLISHED.exists(), reason=f"no {PUBLISHED}")

# Of 4 trials 4, 2 and 1 succeed: pass^1 = (1 + 1/2 + 1/4) / 3, pass^2 = (1 + 1/6 + 0) / 3, then 1/3 twice.
OWN_CHANCES = [7 / 12, 7 / 18, 1 / 3, 1 / 3]
# As published with the trajectories.
PUBLIC_CHANCES = [0.420, 0.2733, 0.220, 0.200]

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.mark.parametrize(
    ("file", "chances"), [(OWN, OWN_CHANCES), pytest.param(PUBLISHED, PUBLIC_CHANCES, marks=IS_ABSENT, id="tau-bench")]
)
def test_trials_are_conversations_and_their_rewards_give_pass_hat_k(
    file: Path, chances: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    isolated(monkeypatch, tmp_path / "home")
    trials = json.loads(file.read_text("utf-8"))
    data = write_trajectories(tmp_path / "project", trials)
    code, _, said = outcome_of(capfd.readouterr, data, "run", "airline")
    assert code == 0, said
    _, printed, _ = outcome_of(capfd.readouterr, data, "report", "airline", "--format", "json")
    (candidate,) = json.loads(printed)["candidates"]
    found = candidate["metrics"]["reward"]
    assert [found[f"pass_hat_{k}"] for k in (1, 2, 3, 4)] == pytest.approx(chances, abs=5e-5)
    _, text, _ = outcome_of(capfd.readouterr, data, "report", "airline")
    said = re.sub(r"\s+", " ", text)
    shown = ", ".join(number_text(found[f"pass_hat_{k}"]) for k in (1, 2, 3, 4))
    assert f"reward: pass^1 to pass^4 (that k of k samples succeed): agent@policy {shown}" in said
    _, marked, _ = outcome_of(capfd.readouterr, data, "report", "airline", "--format", "md")
    assert "pass^4" in marked
    assert "⚠️ ok" not in marked  # replies of calls alone are shown by them
    _, page, _ = outcome_of(capfd.readouterr, data, "report", "airline", "--format", "html")
    assert "reward: pass^1 to pass^4" in page
    if file == OWN:  # a page cuts long texts
        assert "assistant calls: cancel_order(order_id=17)" in page
    warehouse = Warehouse(str(data / "warehouse"))
    predictions = warehouse.scan("predictions").collect()
    assert predictions.height == len(trials)
    kept = {(row["example_id"], row["sample_index"]): row["trajectory"] for row in predictions.iter_rows(named=True)}
    assert all(json.loads(kept[str(one["task_id"]), one["trial"]]) == one["traj"] for one in trials)
