"""Provider `transformers`: requests that come at the same time share a batch of a local model, in a thread of its own.

Loading the model and generating is in `transformers_model`.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime

from eval_assets.config.model import Model
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import AttemptFailure, PartitionFailure, RequestFailed
from eval_assets.providers.local.transformers_model import (
    Generated,
    GenerationSettings,
    LocalModel,
    generation_settings,
    require_packages,
)
from eval_assets.requests.exchange import Reply, Request

COLLECT_SECONDS = 0.005


@dataclass(slots=True, eq=False)
class _Job:
    """One request on its way through the thread."""

    request: Request
    settings: GenerationSettings
    reply: "Future[Reply]" = field(default_factory=Future)
    tokens: list[int] = field(default_factory=list)


class TransformersClient:
    """Answers with a local model, loaded at the first request.

    Args:
        model_id: Hub id, folder, or path of a GGUF file.
        gguf_file: GGUF file inside the folder or hub repository.
        device: As torch names it.
        batch_size: Most requests generated at once. Only requests with equal parameters share a batch; one whose
            reply would depend on the others (a seed, a repetition penalty) has its own.
        threads: Compute threads of torch, for the whole process.

    Raises:
        ProviderError: torch, or gguf where it is needed, isn't installed.
    """

    def __init__(
        self, model_id: str, *, gguf_file: str | None = None, device: str = "cpu", batch_size: int = 8, threads: int = 1
    ) -> None:
        require_packages(model_id, gguf_file)
        self._model_id, self._gguf_file = model_id, gguf_file
        self._device, self._threads, self._batch_size = device, threads, batch_size
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    async def complete(self, request: Request) -> Reply:
        """Generate one reply; its latency is that of its batch.

        Raises:
            RequestFailed: An unsupported parameter, a prompt that fills the context, or a failed generation.
            PartitionFailure: The model can't be loaded.
        """
        if request.response_format is not None:
            raise RequestFailed("a transformers model takes no response_format", "unsupported_parameter")
        settings = generation_settings(request.parameters)
        if settings.seed is not None:
            settings = settings.model_copy(update={"seed": settings.seed + request.sample_index})
        job = _Job(request, settings)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="transformers-model", daemon=True)
            self._thread.start()
        self._jobs.put(job)
        return await asyncio.wrap_future(job.reply)

    async def aclose(self) -> None:
        """End the generation under way and free the model."""
        self._stopping.set()
        self._jobs.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        model, failure = None, PartitionFailure("the model was closed", "closed")
        try:
            model = LocalModel(self._model_id, gguf_file=self._gguf_file, device=self._device, threads=self._threads)
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            failure = PartitionFailure(f"model {self._model_id!r} can't be loaded: {error}", "model_not_loaded")
        while jobs := self._next_jobs():
            if model is None or self._stopping.is_set():
                _fail(jobs, failure)
                continue
            for batch in self._batches(model, jobs):
                _answer(model, batch, self._stopping)

    def _next_jobs(self) -> list[_Job]:
        """The next request and those that come within a few milliseconds; none once the client is closed."""
        jobs: list[_Job] = []
        deadline = float("inf")
        while len(jobs) < self._batch_size:
            try:
                job = self._jobs.get(timeout=max(0.0, deadline - time.monotonic()) if jobs else None)
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            if job.reply.set_running_or_notify_cancel():
                jobs.append(job)
                deadline = min(deadline, time.monotonic() + COLLECT_SECONDS)
        return jobs

    def _batches(self, model: LocalModel, jobs: Sequence[_Job]) -> list[list[_Job]]:
        """Sort requests into batches of equal settings; what can't be generated fails here."""
        batches: dict[object, list[_Job]] = {}
        for job in jobs:
            try:
                job.tokens = model.encode(job.request.messages)
            except Exception as error:  # noqa: BLE001  a chat template is code of the model's author
                _fail([job], RequestFailed(f"the chat template refuses the messages: {error}", "chat_template"))
                continue
            room = job.settings.max_tokens if model.context_tokens is None else model.context_tokens - len(job.tokens)
            if room <= 0:
                message = f"a prompt of {len(job.tokens)} tokens fills the context of {model.context_tokens} tokens"
                _fail([job], RequestFailed(message, "context_length_exceeded"))
                continue
            job.settings = job.settings.model_copy(update={"max_tokens": min(job.settings.max_tokens, room)})
            batches.setdefault(job if job.settings.needs_own_batch else job.settings, []).append(job)
        return list(batches.values())


def open_transformers(model: Model, surroundings: Surroundings) -> TransformersClient:
    """The client of a model file; of a folder or file in `data/models` if there is one of that name."""
    file = model.file
    local = surroundings.models_dir / str(file.model)
    return TransformersClient(
        str(local) if local.exists() else str(file.model),
        gguf_file=file.gguf_file,
        device=file.device,
        batch_size=file.batch_size,
        threads=file.threads,
    )


def _answer(model: LocalModel, batch: Sequence[_Job], stopping: threading.Event) -> None:
    requested_at, began = datetime.now(UTC), time.perf_counter()
    try:
        replies = model.generate([job.tokens for job in batch], batch[0].settings, stopping)
    except Exception as error:  # noqa: BLE001  torch raises many kinds; each costs one batch
        _fail(batch, RequestFailed(f"generation failed: {type(error).__name__}: {error}", "generation_failed"))
        return
    if stopping.is_set():
        _fail(batch, PartitionFailure("the model was closed", "closed"))
        return
    seconds = time.perf_counter() - began
    for job, generated in zip(batch, replies, strict=True):
        job.reply.set_result(_reply(generated, len(job.tokens), seconds, requested_at))


def _reply(generated: Generated, prompt_tokens: int, seconds: float, requested_at: datetime) -> Reply:
    return Reply(
        outcome="ok" if generated.finish_reason == "stop" else "truncated",
        output=generated.text,
        finish_reason=generated.finish_reason,
        latency_seconds=seconds,
        requested_at=requested_at,
        prompt_tokens=prompt_tokens,
        completion_tokens=generated.completion_tokens,
    )


def _fail(jobs: Sequence[_Job], failure: AttemptFailure) -> None:
    for job in jobs:
        job.reply.set_exception(failure)
