"""Models that are asked in batches, from the plan through submission and collection to the report; what goes wrong."""

import dagster as dg
import polars as pl
import pytest

import eval_assets as ea
from eval_assets.automation import batch_sensor
from eval_assets.names import REFRESH_JOB
from eval_assets.stages.spending import Spending
from eval_assets.storage.replies.batch_ledger import BatchRecord
from tests.faults.batch_worker import hurry
from tests.loopback import Fault, LoopbackProvider
from tests.projects import JUDGE_MODEL, Files, Lab

pytestmark = pytest.mark.usefixtures("unchecked", "hurried")
HALF = {
    "prompt_usd_per_million": 2.0,
    "completion_usd_per_million": 8.0,
    "batch": {"prompt_usd_per_million": 1.0, "completion_usd_per_million": 4.0},
}
IN_BATCHES = Spending(sending="in_batches")


@pytest.fixture
def hurried(monkeypatch):
    hurry(monkeypatch.setattr)


def rows(lab: Lab, table: str) -> pl.DataFrame:
    return lab.warehouse.scan(table).collect()


def batch_other(files: Files, **fields) -> None:
    """One cell, `other:alpha@short`, four requests in a batch."""
    files.change("models", "alpha", mode="batch", prices=HALF, **fields)


def paid_once(provider: LoopbackProvider, n: int) -> bool:
    return len(provider.batches.paid) == n and set(provider.batches.paid.values()) == {1}


def test_a_run_submits_ends_and_the_next_one_collects(lab: Lab, files: Files, provider) -> None:
    batch_other(files)
    first = lab.run(evaluations=["other"])
    assert first.waiting == {"other:alpha@short": 4}
    assert not first.failed
    assert "0 of 4 answered" in first.batches[0]
    assert provider.requests == 0
    assert rows(lab, "predictions").is_empty()
    second = lab.run(evaluations=["other"])
    assert (second.waiting, second.failed) == ({}, [])
    assert rows(lab, "predictions")["outcome"].to_list() == ["ok"] * 4
    assert rows(lab, "comparison").height
    assert paid_once(provider, 4)
    assert len(provider.batches.created) == 1
    assert provider.requests == 0


def test_replies_stand_under_the_keys_of_live_requests(lab: Lab, files: Files, provider) -> None:
    batch_other(files)
    lab.run(evaluations=["other"], wait=True)
    files.change("models", "alpha", mode="live")
    files.change("evaluations", "main", models=["alpha"], prompts=["short"], judges=[])
    lab.run(evaluations=["main"])
    assert rows(lab, "predictions").filter(evaluation="main")["reused"].to_list() == [True] * 4
    assert provider.requests == 0


def test_a_run_that_waits_goes_on_to_the_end(lab: Lab, files: Files, provider) -> None:
    provider.batches.looks_until_over = 3
    summary = lab.run(IN_BATCHES, wait=True)
    assert (summary.waiting, summary.failed) == ({}, [])
    # Both evaluations at once: two models, and then the judge of `main` about their replies.
    models = [
        [line["body"]["model"] for line in provider.batches.lines if line["body"]["model"] == name]
        for name in ("alpha-1", "beta-1", JUDGE_MODEL)
    ]
    assert [len(asked) for asked in models] == [8, 8, 16]
    assert len(provider.batches.created) == 3
    assert provider.requests == 0
    assert set(rows(lab, "judge_scores")["outcome"]) == {"ok"}
    assert set(rows(lab, "comparison")["evaluation"]) == {"main", "other"}


def test_cells_whose_replies_are_all_there_go_on_and_their_comparison_waits(lab: Lab, files: Files, provider) -> None:
    files.change("models", "beta", mode="batch")
    provider.batches.looks_until_over = 2
    summary = lab.run(evaluations=["main"])
    assert set(summary.waiting) == {"main:beta@long", "main:beta@short"}
    assert set(rows(lab, "aggregate_reports")["model"]) == {"alpha"}
    assert rows(lab, "comparison").is_empty()
    assert lab.run(evaluations=["main"], wait=True).waiting == {}
    assert rows(lab, "comparison").height
    assert paid_once(provider, 8)


def test_a_judge_in_batches_is_asked_about_replies_that_came_at_once(lab: Lab, files: Files, provider) -> None:
    files.change("models", "referee", mode="batch")
    files.change("evaluations", "main", models=["alpha"], prompts=["short"])
    first = lab.run(evaluations=["main"])
    assert first.waiting == {"main:alpha@short": 4}
    assert provider.requests == 4
    # What was sent is accounted, though its cell is still to be computed.
    assert rows(lab, "runs").select("stage", "n_sent", "message").rows() == [
        ("predictions", 4, "main:alpha@short waits for a batch")
    ]
    assert lab.run(evaluations=["main"]).waiting == {}
    assert rows(lab, "judge_scores")["outcome"].to_list() == ["ok"] * 4
    assert provider.requests == 4
    assert rows(lab, "runs")["n_sent"].sum() == 8


def test_judges_follow_in_a_batch_of_their_own(lab: Lab, files: Files, provider) -> None:
    files.change("evaluations", "main", models=["alpha"], prompts=["short"])
    waiting = [lab.run(IN_BATCHES, evaluations=["main"]).waiting for _ in range(3)]
    assert waiting == [{"main:alpha@short": 4}, {"main:alpha@short": 4}, {}]
    assert [line["body"]["model"] for line in provider.batches.lines] == ["alpha-1"] * 4 + [JUDGE_MODEL] * 4


def test_identical_requests_of_two_cells_wait_in_one_batch(lab: Lab, files: Files, provider) -> None:
    files.change("evaluations", "main", models=["alpha"], prompts=["short"], judges=[])
    assert set(lab.run(IN_BATCHES).waiting) == {"main:alpha@short", "other:alpha@short"}
    assert lab.run(IN_BATCHES).waiting == {}
    assert paid_once(provider, 4)
    reused = rows(lab, "predictions").group_by("evaluation").agg(pl.col("reused").sum()).rows()
    assert sorted(count for _, count in reused) == [0, 4]


def test_what_batches_cost_is_paid_and_saved_at_their_price(lab: Lab, files: Files, provider) -> None:
    batch_other(files)
    lab.run(evaluations=["other"], wait=True)
    replies = rows(lab, "responses")
    # A million tokens of a prompt cost a dollar in a batch, of a reply four.
    expected = (replies["prompt_tokens"].sum() * 1.0 + replies["completion_tokens"].sum() * 4.0) / 1_000_000
    assert rows(lab, "predictions")["cost_usd"].sum() == pytest.approx(expected)
    assert rows(lab, "runs").select("n_sent", "cost_usd", "saved_usd").rows() == [(4, pytest.approx(expected), 0.0)]
    files.change("evaluations", "main", models=["alpha"], prompts=["short"], judges=[])
    lab.run(evaluations=["main"])
    assert rows(lab, "runs").filter(evaluation="main")["saved_usd"].to_list() == [pytest.approx(expected)]


def test_rows_that_failed_in_a_batch_are_told_of_and_the_next_run_asks_again(files: Files, provider, cli) -> None:
    batch_other(files)
    provider.script(None, Fault(400, message="too long", code="context_length_exceeded"))
    code, _, said = cli("run", "other", "--wait")
    assert code == 4
    assert "1 failed (1 context_length_exceeded: HTTP 400: too long)" in said
    assert "failed rows: other:alpha@short: 1 of 4 predictions (25 %), context_length_exceeded" in said
    assert cli("run", "other", "--wait")[0] == 0
    assert paid_once(provider, 4)


def test_the_command_line_from_plan_to_cancellation(files: Files, provider, cli) -> None:
    batch_other(files)
    provider.batches.looks_until_over = 100
    code, said, _ = cli("plan", "other")
    assert code == 0
    assert "alpha: 4 requests, about" in said
    assert "in batches, within a day (4 characters per token, every reply at its token limit, 1 s each)\n" in said
    code, _, said = cli("run", "other")
    assert code == 6
    assert "4 requests of alpha wait in batch batch_" in said
    assert "other:alpha@short waits for 4 requests in batches" in said
    assert "the same command collects what batches bring; `--wait` waits for it" in said
    code, said, _ = cli("plan", "other")
    assert "alpha: 4 requests wait in batches that are under way\n" in said
    assert "token" not in said.split("under way\n")[1]
    assert cli("batch", "collect")[1] == "no batch is over\n"
    name = provider.batches.created[0].id
    code, said, _ = cli("batch", "list")
    assert said.startswith(f"batch {name} of alpha: 0 of 4 answered (validating), $")
    assert said.endswith("UTC, for other\n")
    assert cli("batch", "cancel", "batch_x")[0] == 2
    assert cli("batch", "cancel", name)[1] == f"batch {name} of alpha: cancelling\n"
    provider.batches.share_before_end = 0.5
    provider.batches.looks_until_over = 1
    code, said, _ = cli("batch", "collect")
    assert said.startswith(f"batch {name} of alpha is over (cancelled): 2 replies, 2 failed (2 batch_cancelled:")
    assert cli("run", "other", "--now", "--allow-failed", "0")[0] == 0
    assert provider.requests == 2
    assert cli("batch", "list", "--offline")[1].startswith(f"batch {name} of alpha is over (cancelled)")


def test_a_key_that_is_not_set_leaves_batches_under_way(files: Files, provider, cli, monkeypatch) -> None:
    batch_other(files, api_key_env="BATCH_KEY")
    monkeypatch.setenv("BATCH_KEY", "sk-secret")
    assert cli("run", "other")[0] == 6
    monkeypatch.delenv("BATCH_KEY")
    code, _, said = cli("run", "other", "--wait")
    assert code == 6
    assert "BATCH_KEY, which is not set" in said
    monkeypatch.setenv("BATCH_KEY", "sk-secret")
    assert cli("run", "other", "--wait")[0] == 0
    kept = [path.read_bytes() for path in (files.data / "warehouse").rglob("*") if path.is_file()]
    assert not any(b"sk-secret" in content for content in kept)
    assert paid_once(provider, 4)


def test_a_key_that_is_not_set_submits_nothing(files: Files, provider, cli, monkeypatch) -> None:
    batch_other(files, api_key_env="BATCH_KEY")
    monkeypatch.delenv("BATCH_KEY", raising=False)
    code, _, said = cli("run", "other")
    assert code == 2
    assert "needs the environment variable BATCH_KEY, which is not set; nothing was sent" in said
    assert not provider.batches.calls


def test_a_batch_that_is_refused_is_a_run_that_crashed(files: Files, provider, cli) -> None:
    batch_other(files)
    provider.batches.refuses = (404, "not_found")
    code, _, said = cli("run", "other")
    assert code == 5
    assert "failed to submit a batch of alpha (run" in said
    assert "this endpoint takes no batches" in said


def test_a_budget_is_set_aside_when_a_batch_is_submitted(files: Files, provider, cli) -> None:
    batch_other(files)
    files.change("models", "alpha", prices={"request_usd": 1.0, "batch": {"request_usd": 0.5}})
    code, _, said = cli("run", "other", "--max-cost-usd", "1.2")
    assert code == 5
    assert "more than is left of the budget of $1.20; raise the budget" in said
    assert [batch.request_counts.total for batch in provider.batches.created] == [2]
    assert cli("run", "other", "--wait", "--max-cost-usd", "1.2")[0] == 0
    assert paid_once(provider, 4)


def test_the_sensor_looks_and_asks_for_a_refresh_when_a_batch_is_over(
    lab: Lab, files: Files, provider, monkeypatch
) -> None:
    monkeypatch.setattr(batch_sensor, "SHARE_OF_AGE", 0.0)
    provider.batches.looks_until_over = 2
    lab.run(IN_BATCHES, evaluations=["other"])

    def tick(cursor: str | None):
        with lab.engine_room() as engine_room:
            repository = lab.definitions(engine_room).get_repository_def()
            context = dg.build_sensor_context(lab.instance, cursor, repository_def=repository)
            return repository.get_sensor_def("collect_batches").evaluate_tick(context)

    first = tick(None)
    assert not first.run_requests
    assert first.skip_message == "1 batches under way, none of them is over"
    second = tick(first.cursor)
    (request,) = second.run_requests
    assert request.run_config["ops"]["launch_stale"]["config"] == {"evaluations": ["other"], "sending": "in_batches"}
    with lab.engine_room() as engine_room:
        refresh = lab.definitions(engine_room).resolve_job_def(REFRESH_JOB)
        assert refresh.execute_in_process(instance=lab.instance, run_config=request.run_config).success
    assert rows(lab, "predictions")["outcome"].to_list() == ["ok"] * 4
    assert provider.requests == 0
    assert tick(second.cursor).cursor == "{}"


def test_the_sensor_looks_the_seldomer_the_older_a_batch_is() -> None:
    record = BatchRecord(lane="l", token="1000000-a", model={}, evaluations=(), n_requests=1)
    pauses = [batch_sensor.pause_seconds(record, 1_000.0 + age) for age in (0, 600, 86_400)]
    assert pauses == [0.0, 60.0, 900.0]


def test_a_refresh_that_submits_succeeds_and_says_what_waits(lab: Lab, files: Files, provider) -> None:
    batch_other(files)
    result = lab.refresh(evaluations=["other"])
    assert result.success
    assert len(provider.batches.created) == 1
    assert lab.refresh(evaluations=["other"]).success
    assert rows(lab, "predictions").height == 4


def test_a_project_opened_from_python_submits_and_collects(files: Files, provider, cli) -> None:
    batch_other(files)
    project = ea.open_project(files.folder)
    first = project.run("other")
    assert "other:alpha@short waits for 4 requests in batches" in repr(first)
    assert project.run("other", sending="in_batches", wait=True).summary.waiting == {}
    assert paid_once(provider, 4)
