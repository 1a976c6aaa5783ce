"""The limiter against a clock of our own: how the limit moves, what it waits for."""

import asyncio
from datetime import UTC, datetime

import pytest

from eval_assets.config.model import Limits
from eval_assets.providers.attempts import Attempts
from eval_assets.providers.dispatch.limiter import Limiter, Quota
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


def test_the_first_request_goes_alone_then_the_limit_doubles_per_round_trip():
    async def scenario():
        limiter, clock = limiter_with(max_concurrency=10)
        limits = [limiter.limit]
        for _ in range(5):
            await round_trip(limiter, clock)
            limits.append(limiter.limit)
        return limits

    assert asyncio.run(scenario()) == [1, 2, 4, 8, 10, 10]


def test_where_many_are_known_to_be_welcome_they_start_at_once_up_to_the_ceiling():
    limiters = [Limiter(Limits(max_concurrency=64, start_concurrency=start)) for start in (16, 512)]
    assert [limiter.limit for limiter in limiters] == [16, 64]
    assert [limiter.moves[0].why for limiter in limiters] == ["as many as may start"] * 2


def test_a_429_halves_once_per_round_trip_and_a_round_trip_then_adds_one():
    async def scenario():
        limiter, clock = limiter_with()
        for _ in range(4):
            await round_trip(limiter, clock)
        permits = await fill(limiter)
        assert len(permits) == 16
        clock.seconds += 0.1
        for permit in permits:
            limiter.slow_down(permit, "rate_limited")
            limiter.release(permit, answered=False)
        limits = [limiter.limit]
        for _ in range(3):
            await round_trip(limiter, clock)
            limits.append(limiter.limit)
        return limits, [move.why for move in limiter.moves]

    limits, whys = asyncio.run(scenario())
    # 16 / 2 = 8; eight answers add at most 1/8 each, a little less as the limit grows
    assert limits[0] == 8
    assert 9 <= limits[3] <= 11
    assert whys == ["first request alone", "slow start", "rate_limited", "no 429 for a round trip"]


def test_an_unused_limit_does_not_grow():
    async def scenario():
        limiter, clock = limiter_with()
        for _ in range(3):
            await round_trip(limiter, clock)
        for _ in range(20):
            limiter.release(await limiter.acquire(), answered=True)
        return limiter.limit

    assert asyncio.run(scenario()) == 8


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
        return before, during, await is_free(limiter), limiter.moves[-1].why

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
        limiter._exact = 4.0
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
