"""What is sent after an edit: the requests a provider counted, the least possible, and what the plan had said."""

import json
from collections import Counter
from itertools import count

import dagster as dg
import polars as pl
import pytest

from eval_assets.assets.stage_assets import SpendingConfig
from eval_assets.checking.references import check_project
from eval_assets.config.project_files import load_project
from eval_assets.planning.plan_text import plan_text
from eval_assets.stages.spending import Spending, retry_of
from tests.loopback import Fault, LoopbackProvider
from tests.projects import JUDGE_MODEL, VERDICT, Lab, echo_or_verdict, work_of, write_project

pytestmark = pytest.mark.usefixtures("unchecked")

ONE_CELL = {"evaluations": ["main"], "models": ["alpha"], "prompts": ["short"]}
# Enough of `main` and `other` to tell apart an edit of a prompt, of a model and of an evaluation.
SKIPPED = ["alpha@long", "beta@short"]
EVALUATED_CELLS = ("main:alpha@short", "main:beta@long", "other:alpha@short")
DOLLAR_A_REQUEST = {"request_usd": 1.0}


def sent(provider):
    """Requests counted since the last call: to candidates and to the judge."""
    counts = Counter("judge" if body["model"] == JUDGE_MODEL else "generate" for body in provider.bodies)
    provider.bodies.clear()
    return counts["generate"], counts["judge"]


def predictions(lab, cell="main:alpha@short"):
    evaluation, _, candidate = cell.partition(":")
    model, _, prompt = candidate.partition("@")
    rows = lab.warehouse.scan("predictions", {"evaluation": evaluation, "model": model, "prompt": prompt})
    return rows.sort("position", "sample_index").collect()


def runs_until_now(lab):
    """Runs that left something in a table."""
    tables = [lab.warehouse.scan(table).select("run_id").collect() for table in ("runs", "heuristic_metrics")]
    return set(pl.concat(tables)["run_id"])


def work_done(lab, earlier=frozenset()):
    """Cell → requests sent to its model and to judges, predictions rescored and reused, in later runs than these."""
    done = {}
    for key in EVALUATED_CELLS:
        rows = predictions(lab, key)
        cell = rows.select("evaluation", "model", "prompt").row(0, named=True)
        runs = lab.warehouse.scan("runs").filter(~pl.col("run_id").is_in(earlier), **cell).collect()
        scores = lab.warehouse.scan("heuristic_metrics", cell).filter(~pl.col("run_id").is_in(earlier)).collect()
        kept = rows.filter(pl.col("reused") | pl.col("run_id").is_in(earlier))
        n_sent = [runs.filter(stage=stage)["n_sent"].sum() for stage in ("predictions", "judge_scores")]
        done[key] = (*n_sent, scores["prediction_id"].n_unique(), kept.height)
    return done


EDITS = {
    "prompt": (lambda files: files.edit_prompt("short"), "prompt short v1 → v2: user message changed"),
    "model": (lambda files: files.change_parameter("beta", temperature=1), "parameters.temperature 0 → 1"),
    "rows": (lambda files: files.add_rows(2), "dataset qa: 2 rows added"),
    "rows replaced": (lambda files: files.write_rows(1, 5), "dataset qa: 1 row added, 1 row removed"),
    "rubric": (lambda files: files.edit_rubric(), "judge grader v1 → v2: rubric"),
    "judge model": (lambda files: files.change_parameter("referee", top_p=0.5), "its model changed"),
    "metric code": (lambda files: files.edit_metric_code(), "metric brevity has another version, parameters or code"),
    "samples": (lambda files: files.change("evaluations", "main", samples=2), "samples 1 → 2"),
    "metric dropped": (lambda files: files.change("evaluations", "main", metrics=[]), "metric brevity removed"),
    "judge dropped": (lambda files: files.change("evaluations", "main", judges=[]), "longer depends on judges grader"),
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Both evaluations, run; no two replies are alike, as in life: each has to be judged."""
    numbers = count()

    def answer(body):
        return VERDICT if body["model"] == JUDGE_MODEL else f"reply {next(numbers)}"

    with LoopbackProvider(answer=answer) as provider, dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(write_project(tmp_path_factory.mktemp("evaluated"), provider.base_url), instance)
        lab.files.change("evaluations", "main", skip=SKIPPED)
        planned = work_of(lab.plan())
        assert not lab.run().failed
        yield lab, provider, planned


def test_a_plan_of_everything_says_what_then_happens(evaluated):
    lab, provider, planned = evaluated
    assert work_done(lab) == planned
    sent(provider)
    assert set(planned) == set(EVALUATED_CELLS)
    # Of 3 cells of 4 rows: `other` asks what `main` asks, and has no judge.
    assert sum(cell[0] for cell in planned.values()) == sum(cell[1] for cell in planned.values()) == 8


@pytest.mark.parametrize("edit", EDITS)
def test_a_plan_says_what_happens_after_an_edit_and_why(evaluated, tmp_path, edit):
    original, provider, _ = evaluated
    lab, (make, cause) = original.copied(tmp_path), EDITS[edit]
    sent(provider)
    make(lab.files)
    plan = lab.plan()
    planned = work_of(plan)
    said = {cell.cell.key: " ".join(cell.staleness.causes) for cell in plan.cells if cell.is_stale}
    assert said
    assert {key for key in said if cause not in said[key]} == set()
    assert cause in plan_text(plan)
    earlier = runs_until_now(lab)
    assert not lab.run().failed
    done = work_done(lab, earlier)
    assert {key: done[key] for key in planned} == planned
    assert {done[key][:3] for key in done.keys() - planned.keys()} <= {(0, 0, 0)}
    assert sent(provider) == (sum(cell[0] for cell in planned.values()), sum(cell[1] for cell in planned.values()))
    assert lab.plan().is_empty


@pytest.fixture(scope="module")
def one_cell(tmp_path_factory):
    """One cell, run, for copies."""
    with LoopbackProvider(answer=echo_or_verdict) as provider, dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(write_project(tmp_path_factory.mktemp("one_cell"), provider.base_url), instance)
        assert not lab.run(**ONE_CELL).failed
        assert sent(provider) == (4, 4)
        yield lab, provider


@pytest.fixture
def after_one_cell(one_cell, tmp_path):
    """A copy of it, and the provider that answers it, nothing counted yet."""
    lab, provider = one_cell
    provider.bodies.clear()
    yield lab.copied(tmp_path), provider
    provider.faults = None


def test_an_unchanged_evaluation_sends_nothing_and_runs_nothing(after_one_cell):
    lab, provider = after_one_cell
    summary = lab.run(**ONE_CELL)
    assert (summary.n_runs, sent(provider)) == (0, (0, 0))
    # Even when the cell is run again on purpose.
    assert lab.materialize("evaluate_cell", "main:alpha@short").success
    assert sent(provider) == (0, 0)


def test_added_rows_are_the_only_ones_sent(after_one_cell):
    lab, provider = after_one_cell
    lab.files.add_rows(10)
    lab.run(**ONE_CELL)
    assert sent(provider) == (10, 10)


def test_an_edited_rubric_judges_again_without_generating(after_one_cell):
    lab, provider = after_one_cell
    lab.files.edit_rubric()
    lab.run(**ONE_CELL)
    assert sent(provider) == (0, 4)


def test_edited_metric_code_counts_in_a_process_that_has_imported_the_former(after_one_cell):
    lab, provider = after_one_cell

    def brevity():
        scores = lab.warehouse.scan("heuristic_metrics").filter(metric="brevity")
        return scores.collect()["score"].to_list()

    assert brevity() == [1.0] * 4
    (lab.files.folder / f"{lab.files.metric_module}.py").write_text("def brevity(output):\n    return 0.25\n")
    lab.run(**ONE_CELL)
    assert brevity() == [0.25] * 4
    assert sent(provider) == (0, 0)


def test_identical_requests_are_sent_once_within_a_cell_and_across_evaluations(lab, provider):
    rows = [{"example_id": name, "inputs": "the same question", "targets": ["x"]} for name in ("a", "b", "c")]
    (lab.files.data / "datasets" / "qa.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    plan = lab.plan(models=["alpha"], prompts=["short"])
    assert work_of(plan) == {"main:alpha@short": (1, 1, 3, 2), "other:alpha@short": (0, 0, 3, 3)}
    lab.run(models=["alpha"], prompts=["short"])
    assert sent(provider) == (1, 1)
    assert predictions(lab)["output"].to_list() == ["alpha-1 at 0: the same question"] * 3
    assert predictions(lab)["prediction_id"].n_unique() == 3
    assert predictions(lab, "other:alpha@short")["reused"].all()


def test_samples_are_kept_apart(lab, provider):
    numbers = count()
    provider.answer = lambda body: f"reply {next(numbers)}"
    lab.files.change("evaluations", "main", samples=3, judges=[])
    lab.run(**ONE_CELL)
    assert sent(provider) == (12, 0)
    first = predictions(lab)
    assert first["output"].n_unique() == 12
    assert first["sample_index"].to_list() == [0, 1, 2] * 4
    lab.files.change("evaluations", "main", samples=4, judges=[])
    lab.run(**ONE_CELL)
    assert sent(provider) == (4, 0)
    kept = predictions(lab).filter(pl.col("sample_index") < 3)
    assert kept["output"].to_list() == first["output"].to_list()


def test_failed_rows_are_asked_again_and_only_they(lab, provider):
    provider.faults = lambda body: Fault(500) if "question 2" in body["messages"][-1]["content"] else None
    lab.files.change("evaluations", "main", judges=[])
    lab.run(**ONE_CELL)
    assert sent(provider) == (4, 0)
    assert predictions(lab)["outcome"].to_list() == ["ok", "ok", "error", "ok"]
    plan = lab.plan(**ONE_CELL)
    assert work_of(plan) == {"main:alpha@short": (1, 0, 1, 3)}
    assert plan.cells[0].staleness.causes == ("earlier failure of 1 prediction (http_500: 1)",)
    provider.faults = None
    lab.run(**ONE_CELL)
    assert sent(provider) == (1, 0)
    assert predictions(lab)["outcome"].to_list() == ["ok"] * 4
    assert lab.plan(**ONE_CELL).is_empty


def test_a_failed_verdict_is_asked_again_and_only_it(after_one_cell):
    lab, provider = after_one_cell

    def judge_fails_once(body):
        fails = body["model"] == JUDGE_MODEL and "question 2" in json.dumps(body["messages"])
        return Fault(500) if fails else None

    lab.files.edit_rubric()
    provider.faults = judge_fails_once
    lab.run(**ONE_CELL)
    assert sent(provider) == (0, 4)
    provider.faults = None
    assert work_of(lab.plan(**ONE_CELL)) == {"main:alpha@short": (0, 1, 0, 4)}
    lab.run(**ONE_CELL)
    assert sent(provider) == (0, 1)


def test_a_template_that_fails_on_a_row_sends_nothing_for_it(lab, provider):
    lab.files.write_prompt("short", "{{ inputs }} {{ 1 // (inputs | length - 10) }}")
    lab.files.change("evaluations", "main", judges=[])
    rows = [{"example_id": text, "inputs": text, "targets": ["x"]} for text in ("ten chars!", "x")]
    (lab.files.data / "datasets" / "qa.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert work_of(lab.plan(**ONE_CELL)) == {"main:alpha@short": (1, 0, 2, 0)}
    lab.run(**ONE_CELL)
    assert sent(provider) == (1, 0)
    assert predictions(lab)["outcome"].to_list() == ["error", "ok"]
    assert lab.plan(**ONE_CELL).is_empty  # asking again would fail again


def test_refresh_asks_everything_again_and_replay_nothing(after_one_cell):
    lab, provider = after_one_cell
    assert work_of(lab.plan(spending=Spending(cache="refresh"), **ONE_CELL)) == {"main:alpha@short": (4, 4, 4, 0)}
    assert not lab.run(Spending(cache="refresh"), **ONE_CELL).failed
    assert sent(provider) == (4, 4)
    lab.files.write_prompt("short", "{{ inputs }}?")
    (failed,) = lab.run(Spending(cache="replay"), **ONE_CELL).failed[:1]
    assert "ReplayMissError: expected a stored reply to every request, got none to 4 of 4" in failed.message
    assert sent(provider) == (0, 0)
    # The former ones stay.
    assert predictions(lab)["output"].to_list() == [f"alpha-1 at 0: question {n}" for n in range(4)]
    lab.files.write_prompt("short", "{{ inputs }}")
    assert not lab.run(Spending(cache="replay"), **ONE_CELL).failed
    assert sent(provider) == (0, 0)


def test_all_runs_of_a_plan_are_told_when_the_retry_began():
    spending = Spending(cache="use", max_cost_usd=2.0, retry=retry_of(["refused", "empty"]))
    config = SpendingConfig(**spending.choices)
    told = retry_of(config.retry, config.retry_before)
    assert told == spending.retry
    assert Spending().choices == {}


@pytest.mark.parametrize("where", ["file", "run"])
def test_a_budget_stops_a_run_keeps_what_it_has_and_the_next_goes_on(lab, provider, where):
    lab.files.change("models", "alpha", prices=DOLLAR_A_REQUEST)
    lab.files.change("evaluations", "main", judges=[], max_cost_usd=3.0 if where == "file" else None)
    stopped = lab.run(Spending(max_cost_usd=3.0 if where == "run" else None), **ONE_CELL)
    assert "stopped before the budget of $3 would be exceeded: $3.00 are spent" in stopped.failed[0].message
    assert "raise the budget and run again to go on" in stopped.failed[0].message
    assert sent(provider) == (3, 0)
    ended = lab.warehouse.scan("runs").filter(pl.col("ended") == "budget").collect()
    assert ended["n_sent"].to_list() == [3]
    assert work_of(lab.plan(**ONE_CELL))["main:alpha@short"][:2] == (1, 0)
    assert not lab.run(Spending(max_cost_usd=3.0), **ONE_CELL).failed
    assert sent(provider) == (1, 0)
    assert predictions(lab)["cost_usd"].to_list() == [1.0] * 4


def test_the_runs_of_a_backfill_share_the_budget_each_in_a_process_of_its_own(lab, provider):
    lab.files.change("models", "alpha", prices=DOLLAR_A_REQUEST)
    lab.files.change("evaluations", "main", judges=[], max_cost_usd=6.0)
    lab.read_files()
    assert lab.materialize("evaluate_cell", "main:alpha@short", backfill="night").success
    assert not lab.materialize("evaluate_cell", "main:alpha@long", backfill="night").success
    assert sent(provider) == (6, 0)
    assert lab.materialize("evaluate_cell", "main:alpha@long", backfill="morning").success
    assert sent(provider) == (2, 0)


def test_a_file_that_turns_bad_after_the_plan_stops_the_cells_below_it_alone(lab, provider):
    lab.files.write("datasets", "more", {"task": "question-answering"})
    more = lab.files.data / "datasets" / "more.jsonl"
    more.write_text('{"example_id": "a", "inputs": "x"}\n')
    lab.files.change("evaluations", "other", dataset="more")

    bad = '{"example_id": "a"}\n'
    summary = lab.run(on_plan=lambda plan: more.write_text(bad), models=["alpha"], prompts=["short"])
    assert [failed.what for failed in summary.failed][:1] == ["read_files[eval_datasets/more]"]
    assert "the column is absent" in summary.failed[0].message
    assert summary.skipped == ["other:alpha@short"]
    assert predictions(lab).height == 4


def test_a_hundred_candidates_are_refused(lab):
    lab.files.change("evaluations", "main", models=["alpha"], prompts=[f"p{number}" for number in range(100)])
    for number in range(100):
        lab.files.write_prompt(f"p{number}", f"{number} {{{{ inputs }}}}")
    problems = check_project(load_project(lab.files.data), lambda evaluation: []).problems
    explained = "expected at most 99 candidates, got 100: with 100 or more upstream partitions Dagster"
    assert any(explained in problem for problem in problems)
    lab.files.change("evaluations", "main", prompts=[f"p{number}" for number in range(99)])
    assert check_project(load_project(lab.files.data), lambda evaluation: []).problems == []
