"""The limiter against a clock of our own: how the limit moves, what it waits for."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from eval_assets.config.model import Limits
from eval_assets.providers.attempts import Attempts
from eval_assets.providers.dispatch.limiter import Limiter, Limiters, Quota
from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.failures import TransientFailure
from eval_assets.requests.exchange import Reply, Request


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def limiter_with(**limits):
    clock = Clock()
    return Limiter(Limits(**({"max_concurrency": 64} | limits)), clock=clock), clock


async def fill(limiter):
    return [await limiter.acquire() for _ in range(limiter.limit - limiter.in_flight)]


async def round_trip(limiter, clock):
    permits = await fill(limiter)
    clock.seconds += 0.1
    for permit in permits:
        limiter.release(permit, answered=True)


def test_the_first_request_goes_alone_then_sixteen_then_four_times_as_many_per_round_trip():
    async def scenario():
        limiter, clock = limiter_with(max_concurrency=100)
        limits = [limiter.limit]
        for _ in range(4):
            await round_trip(limiter, clock)
            limits.append(limiter.limit)
        return limits

    assert asyncio.run(scenario()) == [1, 16, 64, 100, 100]


def test_where_many_are_known_to_be_welcome_they_start_at_once_up_to_the_ceiling():
    limiters = [Limiter(Limits(max_concurrency=64, start_concurrency=start)) for start in (16, 512)]
    assert [limiter.limit for limiter in limiters] == [16, 64]
    assert [limiter.moves(float("-inf"))[0].why for limiter in limiters] == ["as many as may start"] * 2


async def grown_to(limiter, clock, limit):
    while limiter.limit < limit:
        await round_trip(limiter, clock)
    return await fill(limiter)


def after(outcomes, *, of, max_concurrency=64):
    """The limit, and how often it was moved, after answers (.) and 429s (x) to a full round trip."""

    async def scenario():
        limiter, clock = limiter_with(max_concurrency=max_concurrency)
        permits = await grown_to(limiter, clock, of)
        clock.seconds += 0.1
        n_before = len(limiter.moves(0.0))
        for permit, outcome in zip(permits, outcomes, strict=True):
            if outcome == "x":
                limiter.slow_down(permit, "rate_limited", 1.0)
            limiter.release(permit, answered=outcome == ".")
        return limiter.limit, limiter._concurrency.paused_until, len(limiter.moves(0.0)) - n_before

    return asyncio.run(scenario())


def test_a_few_429s_slow_only_the_requests_they_are_about():
    assert after("..x." * 16, of=64) == (64, float("-inf"), 0)  # a quarter is still chance


def test_many_429s_are_a_ceiling_and_shrink_the_limit_by_their_share_once_per_round_trip():
    # The 17th 429 is more than a quarter of 64; with the 17 answers counted before, it is the 43rd outcome: 26/43 of 64
    # stay. What follows was sent before.
    assert after(".xx" * 21 + "x", of=64) == (64 * 26 // 43, float("-inf"), 1)


def test_when_as_many_in_a_row_are_refused_as_may_be_under_way_one_request_at_a_time_tries_again():
    limit, paused_until, _ = after("x" * 64, of=64)
    assert limit == 1
    assert paused_until == pytest.approx(0.1 * 3 + 1.0)  # two round trips to 64, this one, what was asked for


def test_after_a_pause_the_limit_quadruples_to_what_worked_and_then_grows_by_an_eighth():
    async def scenario():
        limiter, clock = limiter_with(max_concurrency=256)
        permits = await grown_to(limiter, clock, 64)
        clock.seconds += 0.1
        for permit in permits:
            limiter.slow_down(permit, "rate_limited")
            limiter.release(permit, answered=False)
        clock.seconds += 10
        limits = []
        for _ in range(8):
            await round_trip(limiter, clock)
            limits.append(limiter.limit)
        return limits

    # Of 64 refused, the first 17 halved the limit; it paused when 32 in a row were refused.
    assert asyncio.run(scenario())[:5] == [4, 16, 35, 39, 44]


def test_pauses_grow_while_nothing_else_comes_and_end_with_the_first_answer():
    async def scenario():
        limiter, clock = limiter_with(max_concurrency=4)
        await round_trip(limiter, clock)
        await round_trip(limiter, clock)
        pauses = []
        for _ in range(6):
            for permit in await fill(limiter):
                limiter.slow_down(permit, "rate_limited")
                limiter.release(permit, answered=False)
            pauses.append(limiter._concurrency.paused_until - clock.seconds)
            clock.seconds = limiter._concurrency.paused_until
        await round_trip(limiter, clock)
        return pauses, limiter.limit

    pauses, limit = asyncio.run(scenario())
    assert pauses == pytest.approx([0.5, 1, 2, 4, 5, 5])
    assert limit == 4


def test_a_request_that_rests_keeps_its_slot_and_goes_before_new_ones():
    async def scenario():
        limiter, clock = limiter_with(max_concurrency=2)
        first, second = await grown_to(limiter, clock, 2)
        limiter.slow_down(first, "rate_limited", 1.0)
        limiter.release(first, answered=False, rests=True)
        kept = not await is_free(limiter)
        new = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        again = await limiter.acquire(rested=first)
        limiter.release(second, answered=False, rests=True)
        waits = not new.done()
        limiter.forgo(second)
        limiter.forgo(second)
        await new
        limiter.release(again, answered=True)
        return kept, waits, limiter.in_flight, limiter._account.resting

    assert asyncio.run(scenario()) == (True, True, 1, 0)


def test_an_unused_limit_does_not_grow():
    async def scenario():
        limiter, clock = limiter_with()
        for _ in range(3):
            await round_trip(limiter, clock)
        for _ in range(20):
            limiter.release(await limiter.acquire(), answered=True)
        return limiter.limit

    assert asyncio.run(scenario()) == 64


async def is_free(limiter, tokens=0):
    try:
        async with asyncio.timeout(0.01):
            permit = await limiter.acquire(tokens)
    except TimeoutError:
        return False
    limiter.release(permit, answered=True)
    return True


def test_retry_after_is_honoured():
    async def scenario():
        limiter, clock = limiter_with()
        permit = await limiter.acquire()
        limiter.slow_down(permit, "rate_limited", 5.0)
        limiter.release(permit, answered=False)
        clock.seconds = 4.9
        early = await is_free(limiter)
        clock.seconds = 5.1
        return early, await is_free(limiter)

    assert asyncio.run(scenario()) == (False, True)


def test_an_empty_quota_waits_for_its_reset():
    async def scenario():
        limiter, clock = limiter_with()
        limiter.heed(Quota(remaining_requests=3, reset_requests_seconds=60.0))
        before = await is_free(limiter)
        limiter.heed(Quota(remaining_tokens=0, reset_tokens_seconds=2.0))
        during = await is_free(limiter)
        clock.seconds = 2.1
        return before, during, await is_free(limiter), limiter.moves(0.0)[-1].why

    assert asyncio.run(scenario()) == (True, False, True, "no tokens left in the provider's window, wait 2 s")


def test_a_quota_of_less_than_nothing_and_a_window_of_a_day_do_not_stop_a_run_for_long():
    async def scenario():
        limiter, clock = limiter_with()
        limiter.heed(Quota(remaining_requests=-1, reset_requests_seconds=60.0))  # some gateways' word for "unknown"
        unknown = await is_free(limiter)
        limiter.heed(Quota(remaining_requests=0, reset_requests_seconds=86_400.0))
        clock.seconds = 599.0
        during = await is_free(limiter)
        clock.seconds = 601.0  # ten minutes are waited for; then the provider is asked again
        return unknown, during, await is_free(limiter)

    assert asyncio.run(scenario()) == (True, False, True)


class Lossy:
    """Replies carry a quota, lost requests leave the former one standing."""

    def __init__(self, *said):
        self.said = list(said)
        self.quota = None

    async def complete(self, request):
        quota = self.said.pop(0)
        if quota is None:
            raise TransientFailure("lost", kind="connection_lost")
        self.quota = quota
        return Reply("ok", "x", "stop", 0.1, datetime(2026, 1, 1, tzinfo=UTC), prompt_tokens=1, completion_tokens=1)


def paused_until(limiter, clock, client, *moments):
    """When the limiter goes on, after an attempt at each of the moments."""

    async def scenario():
        attempts = Attempts(client, limiter, Limits(max_retries=0), Tally(), is_ending=lambda: False)
        ends = []
        for moment in moments:
            clock.seconds = moment
            await attempts._attempt(Request(()), await limiter.acquire())
            ends.append(limiter._paused_until)
        return ends

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "moments", "ends"),
    [
        # Nothing left for 60 s; attempts at 60, 61 and 90 bring no headers: what was said at 0 isn't said again.
        ([Quota(0, 60.0), None, None, None], [0, 60, 61, 90], [60, 60, 60, 60]),
        # The same of tokens.
        ([Quota(None, None, 0, 5.0), None, None], [0, 5, 6], [5, 5, 5]),
        # A reply at 61 says so anew, in equal words: that counts.
        ([Quota(0, 60.0), None, Quota(0, 60.0), None], [0, 60, 61, 121], [60, 60, 121, 121]),
        # A later reply with something left doesn't shorten a pause.
        ([Quota(0, 60.0), Quota(7, 1.0), None], [0, 60, 61], [60, 60, 60]),
    ],
)
def test_an_old_quota_is_heeded_once(said, moments, ends):
    limiter, clock = limiter_with()
    assert paused_until(limiter, clock, Lossy(*said), *moments) == ends


def test_a_quota_told_while_others_are_under_way_is_heeded_once():
    class Telling(Lossy):
        async def complete(self, request):
            await asyncio.sleep(request.sample_index / 100)
            return await super().complete(request)

    async def scenario():
        limiter, clock = limiter_with()
        limiter._concurrency._exact = 4.0
        client = Telling(Quota(0, 60.0), None, None, None)
        attempts = Attempts(client, limiter, Limits(max_retries=0), Tally(), is_ending=lambda: False)
        permits = [await limiter.acquire() for _ in range(4)]

        async def one(number):
            await attempts._attempt(Request((), sample_index=number), permits[number])
            clock.seconds += 10  # the first ends at 0, the others at 10, 20, 30
            return limiter._paused_until

        return await asyncio.gather(*map(one, range(4)))

    assert asyncio.run(scenario()) == [60, 60, 60, 60]


def test_requests_per_minute_are_spread_over_the_minute():
    async def scenario():
        limiter, clock = limiter_with(requests_per_minute=60)
        started = 0
        for tenth in range(100):  # ten seconds
            clock.seconds = tenth / 10
            if await is_free(limiter):
                started += 1
        return started

    assert asyncio.run(scenario()) == 10  # one per second


def test_tokens_per_minute_count_what_was_really_used():
    async def scenario():
        limiter, clock = limiter_with(tokens_per_minute=6_000)  # 100 per second
        permit = await limiter.acquire(1_000)
        blocked = await is_free(limiter)
        limiter.release(permit, answered=True, tokens=150)  # bucket of 100 less 150: half a second of debt
        clock.seconds = 0.4
        early = await is_free(limiter)
        clock.seconds = 0.6
        return blocked, early, await is_free(limiter)

    assert asyncio.run(scenario()) == (False, False, True)


def test_a_waiter_that_gives_up_passes_its_turn_on():
    async def scenario():
        limiter, _ = limiter_with()
        permit = await limiter.acquire()
        first = asyncio.create_task(limiter.acquire())
        second = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release(permit, answered=False)
        first.cancel()
        async with asyncio.timeout(1):
            await second
        return limiter.in_flight

    assert asyncio.run(scenario()) == 1


def in_one_account(limiters, *ceilings):
    return [limiters.of("account", f"model-{number}", limits) for number, limits in enumerate(ceilings)]


def test_models_of_one_account_share_its_slots_and_what_it_learned():
    async def scenario():
        one, other = in_one_account(Limiters(), Limits(max_concurrency=8), Limits(max_concurrency=4))
        permit = await one.acquire()
        blocked = not await is_free(other)  # the first request of the account goes alone
        one.release(permit, answered=True)
        for limiter in (one, other) * 4:
            await limiter.acquire()
        return blocked, one.limit, other.limit, await is_free(one)

    assert asyncio.run(scenario()) == (True, 8, 8, False)


def test_a_ceiling_of_one_model_is_not_that_of_another():
    async def scenario():
        narrow, wide = in_one_account(Limiters(), Limits(max_concurrency=1), Limits(max_concurrency=3))
        narrow._concurrency._exact = 3.0
        await narrow.acquire()
        beyond = await is_free(narrow)
        for _ in range(2):
            await wide.acquire()
        wide.heed(Quota(remaining_requests=0, reset_requests_seconds=60.0))
        return beyond, wide.in_flight, narrow._paused_until

    assert asyncio.run(scenario()) == (False, 2, float("-inf"))


def test_equal_limits_of_one_model_are_one_limiter():
    limiters = Limiters()
    fast, slow = Limits(requests_per_minute=60), Limits(requests_per_minute=6)
    assert limiters.of("a", "m", fast) is limiters.of("a", "m", Limits(requests_per_minute=60, max_retries=1))
    assert limiters.of("a", "m", fast) is not limiters.of("a", "m", slow)
    assert limiters.of("a", "m", fast)._account is limiters.of("a", "m", slow)._account
    assert limiters.of("a", "m", fast)._account is not limiters.of("b", "m", fast)._account


def test_slots_go_to_models_in_turn():
    async def scenario():
        limiters = in_one_account(Limiters(), *[Limits(max_concurrency=2)] * 3)
        served = []

        async def ask(number):
            permit = await limiters[number].acquire()
            served.append(number)
            await asyncio.sleep(0)
            limiters[number].release(permit, answered=False)

        await asyncio.gather(*(ask(number) for number in (0, 0, 0, 0, 1, 1, 2)))
        return served

    assert asyncio.run(scenario()) == [0, 1, 2, 0, 1, 0, 0]


def test_one_account_serves_loops_of_several_threads():
    limiters = in_one_account(Limiters(), *[Limits(max_concurrency=4, requests_per_minute=60_000)] * 4)
    under_way, most, done = set(), [], []

    async def ask(limiter, number):
        for _ in range(50):
            permit = await limiter.acquire()
            under_way.add(number)
            most.append(len(under_way))
            await asyncio.sleep(0.0005)
            under_way.discard(number)
            limiter.release(permit, answered=True)
        done.append(number)

    async def serve(index):
        await asyncio.gather(*(ask(limiters[index], (index, number)) for number in range(4)))

    threads = [threading.Thread(target=lambda i=index: asyncio.run(serve(i)), daemon=True) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 16
    assert 1 < max(most) <= 4


def test_a_pause_ends_although_the_loop_that_would_have_ended_it_has_stopped():
    limiters = in_one_account(Limiters(), Limits(), Limits())

    async def give_up():
        limiters[0]._concurrency.paused_until = limiters[0]._clock() + 0.3
        assert not await is_free(limiters[0])  # its loop stops, and with it the alarm it set

    async def go_on():
        async with asyncio.timeout(10):
            await limiters[1].acquire()

    waiting = threading.Thread(target=lambda: asyncio.run(go_on()), daemon=True)
    stopping = threading.Thread(target=lambda: asyncio.run(give_up()), daemon=True)
    for thread in (stopping, waiting):
        thread.start()
    for thread in (stopping, waiting):
        thread.join(10)
    assert limiters[1].in_flight == 1
