"""One run asks for everything its plan needs at once: order, accounts, and what fails in the middle of it."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from eval_assets.names import Names
from eval_assets.plan_runs import run_plan
from eval_assets.planning.plan import make_plan
from eval_assets.providers.traits import PROVIDERS
from eval_assets.requests.budget import Budget
from eval_assets.stages.spending import Spending
from tests.loopback import Fault, LoopbackProvider
from tests.projects import JUDGE_MODEL, Files, Lab, echo_or_verdict

CHECKOUT = Path(__file__).parents[2]
TWO_CELLS = {"prompts": ["short"]}  # one of each model
pytestmark = pytest.mark.usefixtures("unchecked")


def widen(files: Files, at_once: int, **fields) -> None:
    """Let each model have so many requests under way from the start."""
    limits = {"max_concurrency": at_once, "start_concurrency": at_once, "max_retries": 0, "timeout_seconds": 60}
    for name in ("alpha", "beta", "referee"):
        files.change("models", name, limits=limits, **fields)


def rows(lab: Lab, table: str) -> pl.DataFrame:
    return lab.warehouse.scan(table).collect()


def started(files: Files, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {"DAGSTER_HOME": str(folder / "dagster"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "eval_assets", "run", *arguments, "--data", str(files.data)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=folder)


def wait_for(provider: LoopbackProvider, running: subprocess.Popen[str], at_once: int) -> None:
    while provider.at_once < at_once:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.01)


def test_cells_are_asked_at_once_and_what_they_share_is_paid_once(lab: Lab, files: Files, provider) -> None:
    widen(files, 24, prices={"request_usd": 0.5})
    provider.latency_seconds = 0.5
    files.change("evaluations", "main", **TWO_CELLS)
    files.change("evaluations", "other", judges=["grader"])
    assert not lab.run().failed
    # `other` asks what `main` asks, while that is under way: of both models, and of the judge about each reply.
    assert set(provider.paid_by_hash.values()) == {1}
    assert 4 < provider.most_at_once <= 24  # a cell has four examples
    runs = rows(lab, "runs")
    assert runs["n_sent"].sum() == provider.requests == 8 + 8
    assert runs["cost_usd"].sum() == 8.0
    assert set(runs["ended"]) == {"complete"}
    assert len([*lab.warehouse.history("runs")]) < 1 + runs.height  # a commit for several
    predictions = rows(lab, "predictions")
    reused = dict(predictions.group_by("evaluation").agg(pl.col("reused").sum()).iter_rows())
    assert reused == {"main": 0, "other": 4}
    assert set(predictions["outcome"]) == {"ok"}
    # A run writes its rows under the id by which Dagster knows it, and paid for its replies.
    paid_by = dict(rows(lab, "responses").select("response_id", "run_id").iter_rows())
    in_main = predictions.filter(evaluation="main")
    assert all(paid_by[row["response_id"]] == row["run_id"] for row in in_main.iter_rows(named=True))
    assert {run.run_id for run in lab.instance.get_runs()} >= set(predictions["run_id"])


def test_judges_follow_each_reply(lab: Lab, files: Files, provider) -> None:
    widen(files, 2)
    files.write_rows(0, 16)
    files.change("evaluations", "main", models=["alpha"], prompts=["short"])
    provider.latency_seconds = 0.1
    assert not lab.run(evaluations=["main"]).failed
    asked = [body["model"] for body in provider.bodies]
    assert asked.index(JUDGE_MODEL) < 16
    assert asked.count(JUDGE_MODEL) == 16


def test_the_first_cell_has_run_before_the_last_one_is_asked(lab: Lab, files: Files, provider) -> None:
    widen(files, 2)
    files.write_rows(0, 8)
    files.change("evaluations", "main", models=["alpha"])
    provider.latency_seconds = 0.1
    requests_at_start = {}
    with lab.engine_room() as engine_room:
        plan = make_plan(engine_room, evaluations=["main"])
        run_plan(
            engine_room,
            plan,
            spending=Spending(),
            instance=lab.instance,
            on_start=lambda what: requests_at_start.update({what: provider.requests}),
            names=Names(),
        )
    # 2 prompts x 8 rows, and a verdict on each reply.
    assert requests_at_start["evaluate_cell[main:alpha@short]"] < provider.requests == 32


def test_what_failed_is_not_sent_again_by_the_run_of_its_cell(lab: Lab, files: Files, provider) -> None:
    widen(files, 8)
    files.change("evaluations", "main", **TWO_CELLS)

    def faults(body):
        is_meant = body["model"] == JUDGE_MODEL or body["messages"][-1]["content"].endswith("question 1")
        return Fault(500) if is_meant else None

    provider.faults = faults
    lab.run(evaluations=["main"])
    asked = Counter(body["model"] == JUDGE_MODEL for body in provider.bodies)
    assert (asked[False], asked[True]) == (8, 6)  # there is nothing to judge where there is no reply
    failed = rows(lab, "predictions").filter(outcome="error")
    assert failed["error_kind"].to_list() == ["http_500"] * 2
    verdicts = rows(lab, "judge_scores")["outcome"]
    assert ((verdicts == "error").sum(), (verdicts == "ok").sum()) == (6, 0)
    runs = rows(lab, "runs").group_by("stage").agg(pl.col("n_failed").sum())
    assert dict(runs.iter_rows())["predictions"] == 2


def test_a_provider_in_trouble_costs_its_own_cells_alone(lab: Lab, files: Files, provider) -> None:
    with (
        LoopbackProvider(answer=echo_or_verdict, faults=lambda _: Fault(429, retry_after="0.2")) as busy,
        LoopbackProvider(answer=echo_or_verdict, faults=lambda _: Fault("hang")) as silent,
        LoopbackProvider(answer=echo_or_verdict, api_key="another") as closed,
    ):
        widen(files, 8)
        limits = {"max_concurrency": 8, "start_concurrency": 8, "max_retries": 1, "timeout_seconds": 1}
        for name, other in (("busy", busy), ("silent", silent), ("closed", closed)):
            files.write_model(name, name, base_url=other.base_url, limits=limits)
        files.change("evaluations", "main", models=["alpha", "busy", "silent", "closed"], **TWO_CELLS)
        summary = lab.run(evaluations=["main"])
    assert rows(lab, "judge_scores").filter(outcome="ok")["model"].to_list() == ["alpha"] * 4
    # Rows that failed are kept as such, but a key that is refused ends the run of its cell.
    assert {failed.what for failed in summary.failed if "@" in failed.what} == {"evaluate_cell[main:closed@short]"}
    kept = rows(lab, "predictions").group_by("model", "outcome").len()
    assert set(kept.rows()) == {("alpha", "ok", 4), ("busy", "error", 4), ("silent", "error", 4)}


def test_a_budget_holds_over_all_cells_and_says_what_is_left(lab: Lab, files: Files, provider) -> None:
    widen(files, 24, prices={"request_usd": 1.0})
    files.change("evaluations", "main", **TWO_CELLS)
    provider.latency_seconds = 0.1
    summary = lab.run(Spending(max_cost_usd=5), evaluations=["main"])
    assert provider.requests == 5
    assert summary.failed
    assert all("stopped before the budget of $5 would be exceeded" in failed.message for failed in summary.failed)
    assert rows(lab, "responses").height == 5
    assert not lab.run(Spending(max_cost_usd=11), evaluations=["main"]).failed
    assert provider.requests == 16
    assert set(provider.paid_by_hash.values()) == {1}


def test_what_is_set_aside_by_one_cell_is_no_end_of_the_budget_for_another(lab: Lab, files: Files, provider) -> None:
    # At its worst a request costs 64 tokens; each reply costs a few, so that all fit.
    prices = {"prompt_usd_per_million": 0.0, "completion_usd_per_million": 1_000_000 / 64}
    widen(files, 24, prices=prices)
    files.change("evaluations", "main", judges=[], **TWO_CELLS)
    provider.latency_seconds = 0.05
    assert not lab.run(Spending(max_cost_usd=3), evaluations=["main"]).failed
    assert provider.requests == 8


def test_a_whole_run_has_one_budget_over_its_evaluations(lab: Lab, files: Files, provider) -> None:
    widen(files, 24, prices={"request_usd": 1.0})
    with lab.engine_room() as engine_room:
        engine_room.budget = Budget(7)
        plan = make_plan(engine_room)
        run_plan(engine_room, plan, spending=Spending(), instance=lab.instance, on_start=lambda _: None, names=Names())
    assert provider.requests == 7


def test_ctrl_c_with_500_requests_under_way_ends_soon_and_keeps_every_reply(files: Files, provider, tmp_path) -> None:
    files.write_rows(0, 600)
    widen(files, 600)
    files.change("evaluations", "other", judges=[])

    def faults(body):
        return Fault("hang") if int(body["messages"][-1]["content"].split()[-1]) >= 20 else None

    provider.faults = faults
    running = started(files, tmp_path, "other")
    wait_for(provider, running, 500)
    while provider.paid < 20:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    with dg.DagsterInstance.ephemeral() as instance:
        assert rows(Lab(files, instance), "responses").height == 20


def test_a_process_killed_with_all_cells_under_way_pays_again_for_those_alone(
    cli, files: Files, provider, tmp_path
) -> None:
    files.write_rows(0, 24)
    files.change("evaluations", "main", **TWO_CELLS)
    widen(files, 24)
    provider.latency_seconds = 0.3
    running = started(files, tmp_path, "main")
    while provider.paid < 30:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.01)
    wait_for(provider, running, 20)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    n_before = provider.paid
    provider.latency_seconds = 0.0
    code, _, err = cli("run", "main")  # in the Dagster instance of the process that was killed
    assert code == 0, err
    paid = Counter(provider.paid_by_hash.values())
    assert set(paid) <= {1, 2}
    assert paid[2] <= 24 < n_before
    with dg.DagsterInstance.ephemeral() as instance:
        assert rows(Lab(files, instance), "judge_scores").filter(outcome="ok").height == 48


def test_two_runs_at_once_over_the_same_cells_pay_once(files: Files, provider, tmp_path) -> None:
    widen(files, 24)
    files.change("evaluations", "main", **TWO_CELLS)
    provider.latency_seconds = 0.1
    both = [started(files, tmp_path, "main") for _ in range(2)]
    ended = [run.communicate(timeout=120)[1] for run in both]
    assert [run.returncode for run in both] == [0, 0], ended
    assert set(provider.paid_by_hash.values()) == {1}


def test_pairs_are_compared_at_once_as_soon_as_their_cells_have_run(lab: Lab, files: Files, provider) -> None:
    widen(files, 24)
    files.change("evaluations", "main", judges=[], pairwise={"judge": "grader"}, skip=["beta@long"])
    provider.latency_seconds = 0.1
    provider.answer = lambda body: (
        '{"justification": "as asked", "preferred": "A"}' if body["model"] == JUDGE_MODEL else echo_or_verdict(body)
    )
    assert not lab.run(evaluations=["main"]).failed
    n_judged = sum(body["model"] == JUDGE_MODEL for body in provider.bodies)
    # 4 rows of 2 pairs with the baseline in both orders, and each once more, since the reply names no verdict.
    assert n_judged == 4 * 2 * 2 * 2
    assert set(rows(lab, "pairwise_preferences")["outcome"]) == {"unparsed"}
    runs = lab.warehouse.scan("runs").filter(stage="pairwise_preferences").collect()
    assert runs["n_sent"].to_list() == [32]


def test_models_whose_weights_are_loaded_here_are_left_to_the_runs() -> None:
    assert {name for name, provider in PROVIDERS.items() if provider.loads_weights} == {"embedded", "transformers"}
