"""`--limit`: the first rows are tried, their results never pass for whole ones, and a whole run pays for the rest."""

import json

import pytest

from eval_assets.config.project import limited
from tests.small_project import project_with

pytestmark = pytest.mark.usefixtures("unchecked")


def cell_planned(cli, *options: str) -> dict:
    code, out, _ = cli("plan", "other", "--json", *options)
    assert code == 0
    (cell,) = json.loads(out)["partitions"]
    return {name: cell[name] for name in ("stale", "generate", "reuse", "causes")}


@pytest.mark.slow
def test_a_trial_asks_for_its_rows_and_a_whole_run_for_the_others_alone(cli, files, provider) -> None:
    files.write_rows(0, 6)
    files.change("evaluations", "other", gates=[{"metric": "exact_match", "min": 0.99}])
    code, _, err = cli("run", "other", "--limit", "2")
    assert (code, provider.requests) == (0, 2), err  # the gate refuses, and is nobody's business yet
    assert "only the first 2 rows, and no gates: `eval-assets run other` computes all, and reuses these" in err

    code, out, _ = cli("report", "other")
    assert "1 candidate on 2 examples" in out
    assert "- These are the first 2 rows (--limit), no more." in out
    assert "Out of date: only the first 2 rows were run (--limit). `eval-assets run other` brings" in out
    assert cli("gate", "other")[0] == 3

    assert cell_planned(cli, "--limit", "2")["stale"] is False
    planned = cell_planned(cli)
    assert (planned["generate"], planned["reuse"]) == (4, 2)
    assert planned["causes"][0] == "only the first 2 rows were run (--limit)"

    assert cli("run", "other")[0] == 1
    assert provider.requests == 6  # 2 rows were answered, 4 were left
    code, out, _ = cli("report", "other")
    assert "1 candidate on 6 examples" in out
    assert "--limit" not in out


def test_a_slice_that_is_shorter_stays_and_others_are_left_alone(tmp_path) -> None:
    evaluation = "dataset: qa\nmodels: [echo]\nprompts: [ask]\nslice: {first: 5, where: {topic: a}}\n"
    project = project_with(tmp_path, **{"evaluations/f.yaml": evaluation})
    assert limited(project, 5).evaluation("f") == project.evaluation("f")
    cut = limited(project, 3).evaluation("f")
    assert (str(cut.file.slice), cut.limit) == ("the first 3 with topic 'a'", 3)
    only = limited(project, 3, ["e"])
    assert only.evaluation("f") == project.evaluation("f")
    assert only.evaluation("e").file.slice.first == 3
    assert "limit" not in project.evaluation("e").model_dump()
