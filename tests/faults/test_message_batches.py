"""Anthropic's batches: half the price, rows that keep their outcome, and processes killed around their creation."""

import multiprocessing
import re
import signal

import pytest

from eval_assets.providers.batches.anthropic_batches import AnthropicBatches
from eval_assets.stages.spending import Spending
from tests.faults.batch_worker import N, batched_project, dying, opened, run
from tests.loopback import Fault

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.faults.batch_worker"])
pytestmark = pytest.mark.usefixtures("hurried")
KEY = "CLAUDE_KEY_OF_TESTS"
CALL = "POST"


def project_at(folder, provider, **fields):
    """A project whose one cell is still to be asked of Claude, in batches."""
    prices = "{prompt_usd_per_million: 2, batch: {prompt_usd_per_million: 1}}"
    claude = {"provider": "anthropic", "parameters": "{max_tokens: 99}", "prices": prices}
    return batched_project(folder, provider.base_url, **{**claude, **fields})


@pytest.fixture
def folder(tmp_path, provider):
    """Such a project, whose provider wants no key: processes that are killed have no variables of a test."""
    return project_at(tmp_path, provider)


def rows(folder):
    with opened(folder) as room:
        return room.warehouse.scan("predictions").collect().sort("example_id")


def outcomes(folder):
    return rows(folder).select("outcome", "error_kind").rows()


def killed_at(folder, provider, when: str, call: str) -> None:
    """Run in a process that is killed while the provider serves a call."""
    process = FORKING.Process(target=dying, args=(folder, 0))
    provider.message_batches.on_call = lambda *now: process.kill() if now == (when, call) else None
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    provider.message_batches.on_call = lambda *_: None


def is_paid_once(folder, provider, *, n_batches: int = 1) -> bool:
    assert outcomes(folder) == [("ok", None)] * N
    assert (len(provider.message_batches.paid), set(provider.message_batches.paid.values())) == (N, {1})
    return len(provider.message_batches.created) == n_batches and provider.requests == 0


def test_a_batch_brings_replies_at_its_price(tmp_path, provider, monkeypatch):
    monkeypatch.setenv(KEY, "sk-ant-secret")
    folder = project_at(tmp_path, provider, api_key_env=KEY)
    provider.message_batches.looks_until_over = 2
    assert run(folder, wait=False) == N
    assert run(folder) == 0
    assert is_paid_once(folder, provider)
    found = rows(folder)
    assert found["output"].to_list() == [f"echo: Answer: question {n}" for n in range(N)]
    assert found["latency_seconds"].to_list() == [None] * N
    # "Answer: question 0" has 3 words, a token each, at a dollar a million
    assert found["cost_usd"].to_list() == pytest.approx([3e-6] * N)
    (asked,) = provider.message_batches.requests.values()
    assert asked[0]["params"]["max_tokens"] == 99
    assert all(re.fullmatch(r"[0-9a-f]{12}_[\w-]{43}", each["custom_id"]) for each in asked)
    assert {headers["x-api-key"] for headers in provider.message_batches.headers} == {"sk-ant-secret"}
    assert not any("Authorization" in headers for headers in provider.message_batches.headers)


def test_what_was_answered_at_once_and_in_a_batch_has_one_key(folder, provider):
    assert run(folder, Spending(sending="at_once")) == 0
    assert (run(folder), provider.requests, provider.message_batches.created) == (0, N, [])


def test_each_way_a_request_can_end_is_its_rows_outcome(folder, provider):
    provider.script(Fault("length"), Fault(400, message="prompt is too long"), Fault("refusal"))
    assert run(folder) == 0
    assert sorted(outcomes(folder)) == [("error", "invalid_request_error"), ("refused", "refusal"), ("truncated", None)]


def test_what_expired_or_was_overloaded_is_in_the_next_batch(folder, provider):
    provider.message_batches.ends = lambda n: "expired" if n == 1 else "ended"
    provider.message_batches.share_before_end = 0.67  # two of three
    provider.script(None, Fault(529))
    assert run(folder) == 0
    assert is_paid_once(folder, provider, n_batches=2)
    assert [len(asked) for asked in provider.message_batches.requests.values()] == [N, 2]


def test_what_was_cancelled_is_not_asked_again_by_the_run_that_waits(folder, provider):
    provider.message_batches.ends = lambda _: "canceled"
    provider.message_batches.share_before_end = 0.34
    assert run(folder) == 0
    assert sorted(outcomes(folder)) == [("error", "batch_cancelled")] * (N - 1) + [("ok", None)]
    assert len(provider.message_batches.created) == 1


def test_a_parameter_that_is_not_taken_costs_one_batch(tmp_path, provider):
    provider.takes_no = ("top_k",)
    folder = project_at(tmp_path, provider, parameters="{max_tokens: 99, top_k: 5}")
    assert run(folder) == 0
    assert is_paid_once(folder, provider, n_batches=2)


def test_a_batch_that_anthropic_lost_is_not_paid_again_in_silence(folder, provider):
    assert run(folder, wait=False) == N
    provider.message_batches.forgets = True
    assert run(folder) == 0
    assert outcomes(folder) == [("error", "batch_lost")] * N
    assert len(provider.message_batches.created) == 1


def test_limits_of_a_batch_split_it(folder, provider, monkeypatch):
    monkeypatch.setattr(AnthropicBatches, "most_requests", 2)
    assert run(folder) == 0
    assert is_paid_once(folder, provider, n_batches=2)


def test_an_outage_that_hides_whether_a_batch_was_created_creates_one(folder, provider, caplog):
    """The creation is answered by an error, and another batch of as many requests is under way: nobody can tell."""
    provider.message_batches.looks_until_over = 3

    def fails_once(when: str, call: str) -> None:
        if (when, call) == ("after", CALL) and provider.message_batches.calls[CALL] == 1:
            raise RuntimeError("the server breaks off")

    provider.message_batches.on_call = fails_once
    assert run(folder, wait=False) == N
    assert "whether a batch of served was created isn't known" in caplog.text
    assert run(folder, wait=False) == N
    assert "holds as many requests; whether it is this one shows when it is over" in caplog.text
    provider.message_batches.end("msgbatch_1")
    assert run(folder) == 0
    assert is_paid_once(folder, provider)


@pytest.mark.parametrize("is_created", [True, False])
def test_a_run_killed_around_the_creation_pays_once(folder, provider, is_created):
    killed_at(folder, provider, "after", CALL)
    if not is_created:
        provider.message_batches.batches.clear()
    for batch in provider.message_batches.created:
        provider.message_batches.end(batch["id"])
    assert run(folder) == 0
    assert is_paid_once(folder, provider)


def test_a_batch_of_somebody_else_is_not_taken_for_ours(folder, provider):
    """Ours was never created; theirs, of as many requests, holds ids without our name of it."""
    killed_at(folder, provider, "before", CALL)
    (batch,) = provider.message_batches.created
    for each in provider.message_batches.requests[batch["id"]]:
        each["custom_id"] = "f" * 12 + each["custom_id"][12:]
    provider.message_batches.end(batch["id"])
    provider.message_batches.paid.clear()
    assert run(folder) == 0
    assert is_paid_once(folder, provider, n_batches=2)


def test_the_loopback_has_the_shapes_of_the_official_sdk(folder, provider):
    types = pytest.importorskip("anthropic.types.messages", reason="the official SDK isn't installed")
    provider.script(None, Fault(529))
    provider.message_batches.ends = lambda _: "expired"
    provider.message_batches.share_before_end = 0.67
    assert run(folder, wait=False) == N
    (batch,) = provider.message_batches.created
    provider.message_batches.end(batch["id"])
    types.MessageBatch.model_validate(batch)
    for result in provider.message_batches.results[batch["id"]]:
        types.MessageBatchIndividualResponse.model_validate(result)
