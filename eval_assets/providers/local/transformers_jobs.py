"""Requests on their way through a local model: made ready, put into batches, answered.

What generates is in `transformers_model`; who calls it is in `transformers_client`.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from eval_assets.providers.failures import AttemptFailure, RequestFailed
from eval_assets.providers.local.transformers_model import Generated, GenerationSettings, LocalModel
from eval_assets.requests.exchange import Reply, Request


@dataclass(slots=True, eq=False)
class LocalJob:
    """One request on its way."""

    request: Request
    settings: GenerationSettings
    reply: "Future[Reply]" = field(default_factory=Future)
    tokens: list[int] = field(default_factory=list)

    def answer(self, generated: Generated, seconds: float, requested_at: datetime) -> None:
        """Hand over what the model wrote."""
        self.reply.set_result(
            Reply(
                outcome="ok" if generated.finish_reason == "stop" else "truncated",
                output=generated.text,
                finish_reason=generated.finish_reason,
                latency_seconds=seconds,
                requested_at=requested_at,
                prompt_tokens=len(self.tokens),
                completion_tokens=generated.completion_tokens,
            )
        )

    @property
    def longest(self) -> int:
        """Tokens of prompt and reply at most."""
        return len(self.tokens) + self.settings.max_tokens


def fail(jobs: Iterable[LocalJob], failure: AttemptFailure) -> None:
    """Hand over why there is no reply."""
    for job in jobs:
        job.reply.set_exception(failure)


def made_ready(model: LocalModel, jobs: Iterable[LocalJob]) -> list[LocalJob]:
    """Jobs with the tokens of their prompts; those that can't be generated fail here and are left out."""
    ready = []
    for job in jobs:
        try:
            job.tokens = model.encode(job.request.messages)
        except Exception as error:  # noqa: BLE001  a chat template is code of the model's author
            fail([job], RequestFailed(f"the chat template refuses the messages: {error}", "chat_template"))
            continue
        room = job.settings.max_tokens if model.context_tokens is None else model.context_tokens - len(job.tokens)
        if room <= 0:
            message = f"a prompt of {len(job.tokens)} tokens fills the context of {model.context_tokens} tokens"
            fail([job], RequestFailed(message, "context_length_exceeded"))
            continue
        job.settings = job.settings.model_copy(update={"max_tokens": min(job.settings.max_tokens, room)})
        ready.append(job)
    return ready


def batches(jobs: Iterable[LocalJob], batch_size: Callable[[int], int]) -> list[list[LocalJob]]:
    """Jobs in batches of equal settings, the longest first: alike in length, little of a batch is padding.

    Args:
        jobs: Made ready.
        batch_size: How many jobs of at most this many tokens make a batch.
    """
    alike: dict[object, list[LocalJob]] = {}
    for job in sorted(jobs, key=lambda job: job.longest, reverse=True):
        alike.setdefault(job if job.settings.needs_own_batch else job.settings, []).append(job)
    return [batch for group in alike.values() for batch in _cut(group, batch_size)]


def _cut(group: Sequence[LocalJob], batch_size: Callable[[int], int]) -> list[list[LocalJob]]:
    cut, start = [], 0
    while start < len(group):
        end = start + batch_size(group[start].longest)
        cut.append(list(group[start:end]))
        start = end
    return cut
