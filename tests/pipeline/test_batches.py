"""Models that are asked in batches, from the plan through submission and collection to the report; what goes wrong."""

import polars as pl
import pytest

from eval_assets.providers.batches import desk, submitting
from eval_assets.stages.spending import Spending
from tests.loopback import LoopbackProvider
from tests.projects import JUDGE_MODEL, Files, Lab

pytestmark = pytest.mark.usefixtures("unchecked", "hurried")
HALF = {"prompt_usd_per_million": 2.0, "completion_usd_per_million": 8.0, "batch_multiplier": 0.5}
IN_BATCHES = Spending(sending="in_batches")


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(desk, "FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(submitting, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(submitting, "SETTLING_SECONDS", 0.0)


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
