"""Continuous batching of the transformers library: a batch that requests join when they come and leave when they end.

Which requests go this way, and what becomes of those that fail on it, is decided in `transformers_client`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eval_assets.providers.local.transformers_model import GenerationSettings, LocalModel, generate_arguments

SHARE_OF_FREE_MEMORY = 0.5
"""What the cache takes: a judge, or another candidate, may have to fit beside it."""

CPU_CACHE = {"num_blocks": 64, "max_batch_tokens": 512}
"""On a CPU free memory is the whole machine's: a small cache of 64 × 256 tokens instead."""

LOG = logging.getLogger("eval_assets")


@dataclass(frozen=True, slots=True)
class Left:
    """A request that left the batch; `error` is null when it was answered."""

    request_id: str
    tokens: list[int]
    seconds: float
    error: str | None


class ContinuousBatch:
    """Requests under way with equal settings, but for `max_tokens`."""

    def __init__(self, manager: Any, end_tokens: frozenset[int]) -> None:
        self._manager = manager
        # No end token is said with one that no token has.
        self._end_tokens = sorted(end_tokens) or [-1]

    @property
    def is_running(self) -> bool:
        """Whether requests that joined will leave: the library's thread lives."""
        return bool(self._manager.is_running())

    def join(self, request_id: str, tokens: list[int], max_tokens: int) -> None:
        """Add a request."""
        self._manager.add_request(
            tokens, request_id=request_id, max_new_tokens=max_tokens, eos_token_id=self._end_tokens
        )

    def left(self, timeout: float) -> list[Left]:
        """Those that ended since the last call; waits for the first of them."""
        ended = []
        result = self._manager.get_result(timeout=timeout)
        while result is not None:
            if result.is_finished():
                began, end = result.lifespan
                ended.append(Left(result.request_id, list(result.generated_tokens), end - began, result.error))
            result = self._manager.get_result(timeout=0)
        return ended


def is_continuable(model: LocalModel, settings: GenerationSettings) -> bool:
    """Whether continuous batching gives these settings the same meaning as `generate` does.

    It knows no stop texts and no seed per request, and only some of the steps that change scores; a model's own
    generation defaults may ask for others.
    """
    network = model.network
    if settings.needs_own_batch or settings.stop or not hasattr(network, "init_continuous_batching"):
        return False
    try:
        steps = network._get_logits_processor(_generation_config(model, settings))  # noqa: SLF001  there is no other way
    except Exception:
        LOG.debug("continuous batching can't be had", exc_info=True)
        return False
    return all(getattr(step, "supports_continuous_batching", False) for step in steps)


@contextmanager
def continuous_batch(model: LocalModel, settings: GenerationSettings) -> Iterator[ContinuousBatch]:
    """Run the library's thread, with its cache, for as long as this is open; what is under way at the end is lost."""
    import torch
    import transformers

    size = CPU_CACHE if model.device_type == "cpu" else {"max_memory_percent": SHARE_OF_FREE_MEMORY}
    options = transformers.ContinuousBatchingConfig(**size)
    with torch.no_grad():
        manager = model.network.init_continuous_batching(
            generation_config=_generation_config(model, settings), continuous_batching_config=options
        )
    try:
        if model.device_type != "cpu":
            manager.warmup()
        manager.start()
        yield ContinuousBatch(manager, model.end_tokens)
    finally:
        manager.stop(block=True, hard_stop=True)
        manager.destroy()


def _generation_config(model: LocalModel, settings: GenerationSettings) -> Any:
    """What `generate` would work with: given parameters, then the model's own defaults, then the library's."""
    prepared, _ = model.network._prepare_generation_config(None, **generate_arguments(settings))  # noqa: SLF001
    return prepared
