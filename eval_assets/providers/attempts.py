"""Attempts at one request until it has a final reply: deadline, retries, and what each failure tells the limiter.

Which requests are sent, and what becomes of replies, is in `sending`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from eval_assets.config.model import Limits
from eval_assets.errors import EvalAssetsError
from eval_assets.providers.dispatch.account import Permit
from eval_assets.providers.dispatch.limiter import LONGEST_WAIT_SECONDS, Limiter, Quota
from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.failures import (
    AttemptFailure,
    PartitionFailure,
    RateLimited,
    RequestFailed,
    TransientFailure,
    failed_reply,
)
from eval_assets.providers.giving_up import GivingUp
from eval_assets.providers.redaction import redacted
from eval_assets.requests.exchange import Client, Reply, Request

LOG = logging.getLogger("eval_assets")
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0


class Attempts:
    """How often, and when, a client is asked again.

    Args:
        client: Makes one attempt.
        limiter: Gives permits and is told how attempts went.
        limits: Deadline and number of retries.
        tally: Counts retries.
        is_ending: Whether sending has stopped: then no attempt follows another.
    """

    def __init__(
        self, client: Client, limiter: Limiter, limits: Limits, tally: Tally, *, is_ending: Callable[[], bool]
    ) -> None:
        self._client, self._limiter, self._limits, self._tally = client, limiter, limits, tally
        self._is_ending = is_ending
        self._resting: set[asyncio.Task[None]] = set()
        self._giving_up = GivingUp(limits.give_up_after)
        self._was_answered = False
        self._n_sent = 0

    def stop_resting(self) -> None:
        """Cancel those that wait for another attempt."""
        for task in self._resting:
            task.cancel()

    async def final_reply(self, request: Request, permit: Permit, tokens: int) -> Reply | None:
        """Attempt until there is a final reply; null if sending was stopped meanwhile.

        Args:
            request: What is sent.
            permit: For the first attempt.
            tokens: Its estimated size, for the permits of further attempts.

        Raises:
            PartitionFailure: No request can be answered.
        """
        requested_at = datetime.now(UTC)
        began = time.monotonic()
        attempt = 0
        try:
            while True:
                failure = await self._attempt(request, permit)
                if isinstance(failure, Reply):
                    return failure
                attempt += 1
                if isinstance(failure, PartitionFailure):
                    raise failure
                again = isinstance(failure, RateLimited | TransientFailure)
                self._give_up_if_lasting(failure, attempt)
                if not again or attempt > self._limits.max_retries:
                    break
                if self._is_ending():
                    return None
                self._tally.retries += 1
                permit = await self._rest(permit, tokens, backoff_seconds(failure, attempt))
        finally:
            self._limiter.forgo(permit)
        self._giving_up.failed(failure, n_sent=self._n_sent, is_known_to_reply=self._tally.reused > 0)
        return failed_reply(
            str(failure), failure.kind, requested_at=requested_at, latency_seconds=time.monotonic() - began
        )

    def _give_up_if_lasting(self, failure: AttemptFailure, attempt: int) -> None:
        """Stop the cell when nothing was ever reached: at once, or after all attempts where waiting may have helped."""
        if not isinstance(failure, TransientFailure):
            return
        unreachable = failure.kind == "connection" and not self._was_answered
        if failure.lasting and not self._giving_up.was_replied_to and (unreachable or failure.kind != "connection"):
            raise PartitionFailure(str(failure), kind="unreachable" if unreachable else failure.kind)
        if unreachable and attempt > self._limits.max_retries:
            raise PartitionFailure(f"{failure}; tried {attempt} times", kind="unreachable")

    async def _attempt(self, request: Request, permit: Permit) -> Reply | AttemptFailure:
        """Ask the client once, and tell the limiter how it went."""
        proves_capacity, tokens, rests = False, None, False
        self._n_sent += 1
        try:
            result = await self._asked(request)
            if isinstance(result, Reply):
                proves_capacity, tokens = True, _tokens_of(result)
                self._was_answered = True
                self._giving_up.replied()
            else:
                result, proves_capacity = self._heard(result, permit)
                rests = _is_of_load(result)
            return result
        finally:
            quota = getattr(self._client, "quota", None)
            if isinstance(quota, Quota):
                self._limiter.heed(quota)
            self._limiter.release(permit, answered=proves_capacity, tokens=tokens, rests=rests)

    async def _asked(self, request: Request) -> Reply | AttemptFailure:
        """What the client says; a failure's text comes free of secrets, and only errors of ours are raised."""
        seconds = self._limits.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._client.complete(request)
        except TimeoutError:
            return TransientFailure(f"no complete reply within {seconds:g} s", kind="timeout")
        except AttemptFailure as failure:
            failure.args = (redacted(str(failure)),)
            return failure
        except EvalAssetsError:
            raise
        except Exception as error:
            LOG.debug("a client failed", exc_info=True)
            said = redacted(f"asking failed with {type(error).__name__}: {error}")
            return RequestFailed(said, "client_failed", of_endpoint=True)

    def _heard(self, failure: AttemptFailure, permit: Permit) -> tuple[AttemptFailure, bool]:
        """What a failure means in the end, and whether it proves that the provider has capacity."""
        match failure:
            case RateLimited() | TransientFailure():
                asked = failure.retry_after_seconds or 0.0
                if _is_of_load(failure):
                    self._limiter.slow_down(permit, failure.kind, failure.retry_after_seconds)
                if asked > LONGEST_WAIT_SECONDS:
                    return PartitionFailure(f"{failure}; the provider asks to wait {asked:.0f} s", failure.kind), False
                return failure, False
            case _:
                self._was_answered = True
                # An endpoint that only ever refused is asked one request at a time, until it replies or is given up.
                of_endpoint = isinstance(failure, RequestFailed) and failure.of_endpoint
                return failure, self._giving_up.was_replied_to or not of_endpoint

    async def _rest(self, permit: Permit, tokens: int, seconds: float) -> Permit:
        """Wait before another attempt."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  always runs in a task
        self._resting.add(task)
        try:
            await asyncio.sleep(seconds)
            return await self._limiter.acquire(tokens, rested=permit)
        finally:
            self._resting.discard(task)


def _is_of_load(failure: AttemptFailure) -> bool:
    """Whether there were too many requests: then this one keeps its slot while it waits, and no other takes it."""
    return isinstance(failure, RateLimited) or (isinstance(failure, TransientFailure) and failure.congested)


def _tokens_of(reply: Reply) -> int | None:
    """What a reply used, if its provider says so in numbers."""
    if isinstance(reply.prompt_tokens, int) and isinstance(reply.completion_tokens, int):
        return reply.prompt_tokens + reply.completion_tokens
    return None


def backoff_seconds(failure: AttemptFailure, attempt: int) -> float:
    """How long to wait after the attempt with this number, from 1: full jitter, or what the provider asked for."""
    if isinstance(failure, RateLimited | TransientFailure) and failure.retry_after_seconds:
        return failure.retry_after_seconds * random.uniform(1.0, 1.1)
    return random.uniform(0.0, min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1)))
