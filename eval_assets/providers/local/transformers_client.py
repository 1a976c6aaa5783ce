"""Provider `transformers`: requests that come at the same time share a batch of a local model, in a thread of its own.

Loading the model and generating is in `transformers_model`.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from eval_assets.config.local_limits import CPU_BATCH_SIZE, local_limits
from eval_assets.providers.failures import PartitionFailure, RequestFailed
from eval_assets.providers.local.transformers_jobs import LocalJob, batches, fail, made_ready
from eval_assets.providers.local.transformers_model import (
    LocalModel,
    generation_settings,
    require_packages,
)
from eval_assets.requests.exchange import Reply, Request

COLLECT_SECONDS = 0.005


class TransformersClient:
    """Answers with a local model, loaded at the first request.

    Args:
        model_id: Hub id, folder, or path of a GGUF file.
        gguf_file: GGUF file inside the folder or hub repository.
        device: As torch names it.
        batch_size: Most requests generated at once; when null 8 on a CPU, elsewhere what memory allows. Only requests
            with equal parameters share a batch; one whose reply would depend on the others (a seed, a repetition
            penalty) has its own.
        threads: Compute threads of torch, for the whole process.

    Raises:
        ProviderError: torch, or gguf where it is needed, isn't installed.
    """

    def __init__(
        self,
        model_id: str,
        *,
        gguf_file: str | None = None,
        device: str = "cpu",
        batch_size: int | None = None,
        threads: int = 1,
    ) -> None:
        require_packages(model_id, gguf_file)
        self._model_id, self._gguf_file = model_id, gguf_file
        self._device, self._threads = device, threads
        self._batch_size = CPU_BATCH_SIZE if batch_size is None and device == "cpu" else batch_size
        self._most_at_once: int = local_limits(device, batch_size)["max_concurrency"]
        self._jobs: queue.SimpleQueue[LocalJob | None] = queue.SimpleQueue()
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
        job = LocalJob(request, settings)
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
                fail(jobs, failure)
                continue
            self._generate(model, made_ready(model, jobs))

    def _next_jobs(self) -> list[LocalJob]:
        """Jobs that wait, and those that come while further ones keep coming; none once the client is closed."""
        most = self._batch_size if self._batch_size and self._device == "cpu" else self._most_at_once
        jobs: list[LocalJob] = []
        while len(jobs) < most:
            job = self._next_job(COLLECT_SECONDS if jobs else None)
            if job is None:
                break
            jobs.append(job)
        return jobs

    def _next_job(self, timeout: float | None) -> LocalJob | None:
        """The next job that somebody still waits for; null if none comes in time, or the client is closed."""
        while True:
            try:
                job = self._jobs.get(timeout=timeout)
            except queue.Empty:
                return None
            if job is None:
                self._jobs.put(None)
                return None
            if job.reply.set_running_or_notify_cancel():
                return job

    def _generate(self, model: LocalModel, jobs: Sequence[LocalJob]) -> None:
        """Answer jobs that were made ready, a batch after the other."""
        size = self._batch_size
        for batch in batches(jobs, model.batch_size_for if size is None else lambda _: size):
            _answer(model, batch, self._stopping)


def _answer(model: LocalModel, batch: Sequence[LocalJob], stopping: threading.Event) -> None:
    """Generate one batch; one that memory can't hold is cut in two."""
    requested_at, began = datetime.now(UTC), time.perf_counter()
    try:
        replies = model.generate([job.tokens for job in batch], batch[0].settings, stopping)
    except Exception as error:  # noqa: BLE001  torch raises many kinds; each costs one batch
        if type(error).__name__ != "OutOfMemoryError" or len(batch) == 1:
            said = f"generation failed: {type(error).__name__}: {error}"
            fail(batch, RequestFailed(said, "generation_failed"))
            return
        replies = None
    if stopping.is_set():
        fail(batch, PartitionFailure("the model was closed", "closed"))
    elif replies is None:
        middle = len(batch) // 2
        _answer(model, batch[:middle], stopping)
        _answer(model, batch[middle:], stopping)
    else:
        seconds = time.perf_counter() - began
        for job, generated in zip(batch, replies, strict=True):
            job.answer(generated, seconds, requested_at)
