"""A plan counts what a run will ask: same keys, and what is paid already wherever it lies."""

import sys
from pathlib import Path

import pytest

from eval_assets.config.settings import Settings
from eval_assets.planning.plan import make_plan
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell
from eval_assets.stages.input_files import write_dataset, write_named_file
from eval_assets.stages.spending import Spending
from eval_assets.storage.replies.journal import Segment, journal_path
from tests.small_project import project_with

CODE = (
    "def answer(inputs):\n    return 'because ' + inputs\n"
    'def verdict(output):\n    return \'{"justification": "x", "verdict": "pass"}\'\n'
    'def prefer(output_a=None, output_b=None, **shown):\n    return \'{"justification": "x", "preferred": "tie"}\'\n'
)
FILES = {
    "datasets/qa.jsonl": '{"example_id": "a", "inputs": "Why so?"}\n{"example_id": "b", "inputs": "How then?"}\n',
    "datasets/docs.jsonl": '{"doc_id": "1", "text": "x"}\n',
    "models/echo.yaml": "provider: callable\ncallable: rule_of_planned_replies:answer\n",
    "models/rule.yaml": "provider: callable\ncallable: rule_of_planned_replies:verdict\n",
    "judges/right.yaml": "definition: Is it right?\nscale: {type: pass_fail}\nmodel: rule\n",
    "judges/kind.yaml": "definition: Is it kind?\nscale: {type: pass_fail}\nmodel: rule\n",
    "judges/panel.yaml": "kind: jury\njurors: [right, kind]\nscale: {type: pass_fail}\n",
}
EVALUATION = (
    "dataset: qa\nmodels: [echo]\nprompts: [ask]\njudges: [{judge}]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n"
)
CELL = Cell("e", "echo", "ask")


def settings_of(folder: Path, *, documents: bool, judge: str = "right") -> Settings:
    card = "task: question-answering\n" + ("documents: {file: docs.jsonl}\n" if documents else "")
    files = {**FILES, "datasets/qa.yaml": card, "evaluations/e.yaml": EVALUATION.format(judge=judge)}
    project_with(folder, **files)
    (folder / "rule_of_planned_replies.py").write_text(CODE)
    sys.modules.pop("rule_of_planned_replies", None)
    return Settings(folder / "data", str(folder / "w"), folder / "state")


def run(settings: Settings) -> int:
    """Read the files, predict and judge; how many replies are stored then."""
    with EngineRoom.from_settings(settings) as bench:
        write_dataset(bench.project, bench.warehouse, "qa", run_id="r", scratch=bench.scratch)
        names = {"prompts": ["ask"], "models": ["echo", "rule"], "judges": bench.project.names("judges")}
        for table, keys in {**names, "evaluations": ["e"]}.items():
            for key in keys:
                write_named_file(bench.versions, bench.warehouse, table, key, run_id="r")
        for table in ("predictions", "heuristic_metrics", "judge_scores"):
            compute(bench, table, CELL.key, Spending(), run_id="r")
        return bench.warehouse.scan("responses").collect().height


def planned(settings: Settings) -> tuple[int, int]:
    """Requests to generate and to judge, with every stage stale."""
    with EngineRoom.from_settings(settings) as bench:
        (cell,) = make_plan(bench, evaluations=["e"]).cells
        return cell.work.generate, cell.work.judge


@pytest.mark.parametrize("documents", [True, False])
@pytest.mark.parametrize(("judge", "n_verdicts"), [("right", 2), ("panel", 4)])
def test_plan_and_run_agree_about_a_callable_judge(
    tmp_path: Path, judge: str, n_verdicts: int, *, documents: bool
) -> None:
    settings = settings_of(tmp_path, documents=documents, judge=judge)
    assert planned(settings) == (2, n_verdicts)
    assert run(settings) == 2 + n_verdicts
    # The seed makes every stage stale and changes no request: what is at hand is all there is to ask.
    edited = tmp_path / "data" / "evaluations" / "e.yaml"
    edited.write_text(EVALUATION.format(judge=judge) + "seed: 1\n")
    assert planned(settings) == (0, 0)
    assert run(settings) == 2 + n_verdicts


def test_other_documents_are_other_requests_for_the_judge_too(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, documents=True)
    assert run(settings) == 4
    (tmp_path / "data" / "datasets" / "docs.jsonl").write_text('{"doc_id": "1", "text": "another"}\n')
    assert planned(settings) == (2, 2)
    assert run(settings) == 8


def test_replies_that_wait_in_the_journal_of_a_dead_run_count_as_paid(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, documents=False)
    run(settings)
    with EngineRoom.from_settings(settings) as bench:
        rows = bench.warehouse.scan("responses").collect()
        for lane in rows["lane"].unique():
            segment = Segment(journal_path(bench.state_dir, lane))
            for row in rows.filter(lane=lane).iter_rows(named=True):
                segment.append({**row, "requested_at": row["requested_at"].isoformat()})
            segment.close()
        # As if the run had been killed before its replies reached the table, and before its cell was written.
        for table, condition in (("responses", "true"), ("predictions", "true"), ("judge_scores", "true")):
            bench.warehouse.delete(table, condition)
        (tmp_path / "data" / "evaluations" / "e.yaml").write_text(EVALUATION.format(judge="right") + "seed: 1\n")
    assert planned(settings) == (0, 0)
    assert run(settings) == 4
    assert not list((tmp_path / "state").glob("*.journal"))
