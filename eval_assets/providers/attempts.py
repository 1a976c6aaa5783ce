"""Attempts at one request until it has a final reply: deadline, retries, and what each failure tells the limiter.

Which requests are sent, and what becomes of replies, is in `sending`.
"""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from eval_assets.config.model import Limits
from eval_assets.providers.dispatch.limiter import Limiter, Permit, Quota
from eval_assets.providers.dispatch.progress import Tally
from eval_assets.providers.failures import AttemptFailure, PartitionFailure, RateLimited, TransientFailure
from eval_assets.providers.requests import Client, Reply, Request

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0


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
        self._was_answered = False

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
        while True:
            failure = await self._attempt(request, permit)
            if isinstance(failure, Reply):
                return failure
            attempt += 1
            if isinstance(failure, PartitionFailure):
                raise failure
            if not isinstance(failure, RateLimited | TransientFailure) or attempt > self._limits.max_retries:
                break
            if self._is_ending():
                return None
            self._tally.retries += 1
            permit = await self._rest(tokens, backoff_seconds(failure, attempt))
        if failure.kind == "connection" and not self._was_answered:
            raise PartitionFailure(f"{failure}; tried {attempt} times", kind="unreachable")
        return Reply(
            outcome="error",
            output=None,
            finish_reason=None,
            latency_seconds=time.monotonic() - began,
            requested_at=requested_at,
            error=str(failure),
            error_kind=failure.kind,
        )

    async def _attempt(self, request: Request, permit: Permit) -> Reply | AttemptFailure:
        limits = self._limits
        answered, tokens = False, None
        try:
            async with asyncio.timeout(limits.timeout_seconds):
                reply = await self._client.complete(request)
            answered = True
            if reply.prompt_tokens is not None and reply.completion_tokens is not None:
                tokens = reply.prompt_tokens + reply.completion_tokens
        except TimeoutError:
            return TransientFailure(f"no complete reply within {limits.timeout_seconds:g} s", kind="timeout")
        except RateLimited as failure:
            self._limiter.slow_down(permit, failure.kind, failure.retry_after_seconds)
            if (failure.retry_after_seconds or 0.0) > LONGEST_PAUSE_SECONDS:
                return PartitionFailure(
                    f"{failure}; the provider asks to wait {failure.retry_after_seconds:.0f} s", failure.kind
                )
            return failure
        except TransientFailure as failure:
            if failure.congested:
                self._limiter.slow_down(permit, failure.kind)
            return failure
        except AttemptFailure as failure:
            answered = True
            return failure
        else:
            return reply
        finally:
            self._was_answered |= answered
            quota = getattr(self._client, "quota", None)
            if isinstance(quota, Quota):
                self._limiter.heed(quota)
            self._limiter.release(permit, answered=answered, tokens=tokens)

    async def _rest(self, tokens: int, seconds: float) -> Permit:
        """Wait before another attempt, without a slot."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  always runs in a task
        self._resting.add(task)
        try:
            await asyncio.sleep(seconds)
            return await self._limiter.acquire(tokens)
        finally:
            self._resting.discard(task)


def backoff_seconds(failure: AttemptFailure, attempt: int) -> float:
    """How long to wait after the attempt with this number, from 1: full jitter, or what the provider asked for."""
    if isinstance(failure, RateLimited) and failure.retry_after_seconds:
        return failure.retry_after_seconds * random.uniform(1.0, 1.1)
    return random.uniform(0.0, min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1)))
