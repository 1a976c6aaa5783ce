"""The engine over real HTTP: what is sent, what is reused, what it costs, how it ends."""

import asyncio
import json
import threading
from itertools import count

import pytest

from eval_assets.config.model import Limits
from eval_assets.config.prices import Prices
from eval_assets.errors import BudgetExceededError, ReplayMissError, StoppedError
from eval_assets.providers.dispatch.jobs import Job
from eval_assets.requests.budget import Budget
from eval_assets.tables.run_tables import RUNS
from tests.engines import FAST, answered, engine_on, jobs, question, store_in
from tests.loopback import Fault


def test_every_job_gets_its_own_answer(provider, tmp_path):
    answers = answered(engine_on(provider, tmp_path), jobs(50))
    assert {tag: answer.reply.output for tag, answer in answers.items()} == {
        n: f"echo: question {n}" for n in range(50)
    }
    assert provider.requests == 50
    assert not any(answer.reused for answer in answers.values())


def test_a_second_run_sends_nothing_and_ten_new_examples_send_ten(provider, tmp_path):
    first = answered(engine_on(provider, tmp_path), jobs(40))
    second = answered(engine_on(provider, tmp_path, run_id="run-2"), jobs(40))
    assert provider.requests == 40
    assert all(answer.reused for answer in second.values())
    assert {n: answer.response_id for n, answer in first.items()} == {
        n: answer.response_id for n, answer in second.items()
    }
    answered(engine_on(provider, tmp_path), jobs(50))
    assert provider.requests == 50


def test_identical_requests_in_one_run_are_sent_once(provider, tmp_path):
    provider.latency_seconds = 0.05
    asked = [Job(question("same"), n) for n in range(20)]
    answers = answered(engine_on(provider, tmp_path), asked)
    assert provider.requests == 1
    assert sorted(answer.reused for answer in answers.values()) == [False] + [True] * 19
    assert len({answer.response_id for answer in answers.values()}) == 1


def test_samples_of_one_request_are_kept_apart(provider, tmp_path):
    texts = count()
    provider.answer = lambda body: f"reply {next(texts)}"
    asked = [Job(question("same", sample_index=n), n) for n in range(3)]
    first = answered(engine_on(provider, tmp_path), asked)
    assert provider.requests == 3
    second = answered(engine_on(provider, tmp_path), asked)
    assert {n: answer.reply.output for n, answer in first.items()} == {
        n: answer.reply.output for n, answer in second.items()
    }


def test_jobs_are_read_lazily_and_all_answered(provider, tmp_path):
    n_read = 0

    def endless():
        nonlocal n_read
        for job in jobs(10_000):
            n_read += 1
            yield job

    iterator = engine_on(provider, tmp_path).answers(endless())
    next(iterator)
    assert n_read < 5_000
    iterator.close()


def test_replies_received_are_kept_when_the_caller_breaks_off(provider, tmp_path):
    engine = engine_on(provider, tmp_path)
    iterator = engine.answers(jobs(200))
    for _ in range(20):
        next(iterator)
    iterator.close()
    assert engine.report().ended == "stopped"
    sent = provider.requests
    assert 20 <= sent < 200
    answered(engine_on(provider, tmp_path), jobs(200))
    assert provider.requests == 200  # none of the first was asked twice


def test_an_engine_answers_inside_a_running_loop_and_several_times(provider, tmp_path):
    async def main():
        with engine_on(provider, tmp_path) as engine:
            first = answered(engine, jobs(5))
            return first, answered(engine, jobs(10))

    first, second = asyncio.run(main())
    assert provider.requests == 10
    assert [second[n].reused for n in range(10)] == [True] * 5 + [False] * 5
    assert len(first) == 5


def test_costs_come_from_the_prices(provider, tmp_path):
    provider.answer = lambda body: "one two three"
    prices = Prices(prompt_usd_per_million=1_000, completion_usd_per_million=2_000, request_usd=0.5)
    engine = engine_on(provider, tmp_path, prices=prices)
    (answer,) = answered(engine, jobs(1)).values()
    # "question 0" is 2 prompt tokens, the reply 3: 2 * 0.001 + 3 * 0.002 + 0.5
    assert answer.reply.cost_usd == pytest.approx(0.508)
    assert engine.report().progress.cost_usd == pytest.approx(0.508)


def test_a_budget_stops_before_it_is_exceeded_and_keeps_what_was_paid(provider, tmp_path):
    provider.latency_seconds = 0.01
    asked = [Job(question(f"q {n}", parameters={"max_tokens": 10}), n) for n in range(100)]
    options = {"prices": Prices(request_usd=0.01)}
    engine = engine_on(provider, tmp_path, budget=Budget(0.255), **options)
    got = []
    with pytest.raises(
        BudgetExceededError, match=r"budget of \$0.255 .*; 25 requests are answered .* 75 are left.* run again"
    ):
        got.extend(engine.answers(asked, total=100))
    assert len(got) == provider.requests == 25
    assert engine.report().ended == "budget"
    answered(engine_on(provider, tmp_path, **options), asked)
    assert provider.requests == 100


def test_a_budget_is_no_obstacle_to_stored_replies(provider, tmp_path):
    options = {"prices": Prices(request_usd=0.01)}
    answered(engine_on(provider, tmp_path, **options), jobs(10))
    assert len(answered(engine_on(provider, tmp_path, budget=Budget(0.0), **options), jobs(10))) == 10


def test_a_stopped_run_answers_what_is_under_way_and_says_how_to_go_on(provider, tmp_path):
    provider.latency_seconds = 0.02
    stop = threading.Event()
    got = []
    engine = engine_on(provider, tmp_path, stop=stop)
    with pytest.raises(StoppedError, match="run again"):  # noqa: PT012  stopped while it iterates
        for answer in engine.answers(jobs(500)):
            got.append(answer)
            stop.set()
    assert len(got) == provider.requests < 500
    assert engine.report().ended == "stopped"


def test_refresh_sends_anew_once_and_its_replies_are_used_from_then_on(provider, tmp_path):
    texts = count()
    provider.answer = lambda body: f"reply {next(texts)}"
    answered(engine_on(provider, tmp_path), jobs(5))
    asked = jobs(5) + jobs(5)
    renewed = answered(engine_on(provider, tmp_path, policy="refresh"), asked)
    assert provider.requests == 10
    used = answered(engine_on(provider, tmp_path), jobs(5))
    assert provider.requests == 10
    assert {n: answer.response_id for n, answer in used.items()} == {
        n: answer.response_id for n, answer in renewed.items()
    }
    answered(engine_on(provider, tmp_path, policy="refresh"), jobs(5))
    assert provider.requests == 15


def test_a_refresh_that_was_broken_off_goes_on(provider, tmp_path):
    answered(engine_on(provider, tmp_path), jobs(30))
    iterator = engine_on(provider, tmp_path, policy="refresh", scope="cell").answers(jobs(30))
    next(iterator)
    iterator.close()
    assert 30 < provider.requests < 60
    answered(engine_on(provider, tmp_path, policy="refresh", scope="cell"), jobs(30))
    assert provider.requests == 60


def test_replay_never_sends_and_names_what_is_missing(provider, tmp_path):
    answered(engine_on(provider, tmp_path), jobs(3))
    assert len(answered(engine_on(provider, tmp_path, policy="replay"), jobs(3))) == 3
    with pytest.raises(ReplayMissError, match="none to 2 of 5"):
        answered(engine_on(provider, tmp_path, policy="replay"), jobs(5))
    assert provider.requests == 3


def test_an_unsendable_request_is_a_failed_answer(provider, tmp_path):
    asked = [Job(question("fine"), 0), Job(question("half \ud800"), 1)]
    answers = answered(engine_on(provider, tmp_path), asked)
    assert [answers[n].reply.outcome for n in (0, 1)] == ["ok", "error"]
    assert answers[1].reply.error_kind == "unsendable"


def test_progress_and_report_count_what_happened(provider, tmp_path):
    provider.script(Fault(500))
    provider.faults = lambda body: (
        Fault(400, code="context_length_exceeded") if "3" in body["messages"][0]["content"] else None
    )
    said = []
    engine = engine_on(provider, tmp_path, on_progress=said.append)
    answered(engine, jobs(10) + jobs(1))
    report = engine.report()
    row = report.as_run_row({"evaluation": "e", "model": "m", "prompt": "p"}, "predictions")
    assert set(row) == set(RUNS)
    assert (row["n_rows"], row["n_sent"], row["n_retries"], row["n_failed"]) == (11, 10, 1, 1)
    assert json.loads(row["failures"]) == {"context_length_exceeded": 1}
    assert row["ended"] == "complete"
    assert said[-1].done == 11
    assert "10 sent" in str(said[-1])
    provider.faults = None
    answered(engine_on(provider, tmp_path), jobs(10))
    assert provider.requests == 12  # ten, one retry, and the failed row again


def test_a_run_waits_for_the_lane_and_reuses_what_its_holder_paid_for(provider, tmp_path):
    provider.latency_seconds = 0.02
    said = []
    engines = [engine_on(provider, tmp_path, run_id=f"run-{n}", on_wait=said.append) for n in range(2)]
    threads = [threading.Thread(target=answered, args=(engine, jobs(60))) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert provider.requests == 60
    assert len(said) == 1
    assert "waiting for run run-" in said[0]


def test_stored_replies_are_handed_out_while_another_run_holds_the_lane(provider, tmp_path):
    answered(engine_on(provider, tmp_path), jobs(5))
    with store_in(tmp_path).open_lane(engine_on(provider, tmp_path)._session.lane):
        assert len(answered(engine_on(provider, tmp_path), jobs(5))) == 5


def test_concurrency_stays_below_its_ceiling(provider, tmp_path):
    provider.latency_seconds = 0.02
    answered(engine_on(provider, tmp_path, limits=FAST.model_copy(update={"max_concurrency": 4})), jobs(60))
    assert provider.most_at_once == 4


def test_requests_per_minute_are_kept(provider, tmp_path):
    answered(
        engine_on(provider, tmp_path, limits=Limits(requests_per_minute=600)), jobs(15)
    )  # 10 per second, burst of 10
    assert provider.times[-1] - provider.times[0] >= 0.4
