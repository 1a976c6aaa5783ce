"""Provider `transformers`: requests that come at the same time share a batch of a local model, in a thread of its own.

Loading the model and generating is in `transformers_model`.
"""

import asyncio
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from eval_assets.config.model import CPU_BATCH_SIZE, Model, local_limits
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import PartitionFailure, RequestFailed
from eval_assets.providers.local.transformers_continuous import ContinuousBatch, continuous_batch, is_continuable
from eval_assets.providers.local.transformers_jobs import LocalJob, batches, fail, made_ready
from eval_assets.providers.local.transformers_model import (
    GenerationSettings,
    LocalModel,
    generation_settings,
    require_packages,
)
from eval_assets.requests.exchange import Reply, Request

COLLECT_SECONDS = 0.005
POLL_SECONDS = 0.02
IDLE_SECONDS = 5.0
LOG = logging.getLogger("eval_assets")


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
        continuous: Whether requests join and leave one batch where their parameters allow it. When null it is done on
            CUDA unless a batch size is given: there it is the faster way.

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
        continuous: bool | None = None,
    ) -> None:
        require_packages(model_id, gguf_file)
        self._model_id, self._gguf_file = model_id, gguf_file
        self._device, self._threads = device, threads
        self._batch_size = CPU_BATCH_SIZE if batch_size is None and device == "cpu" else batch_size
        self._continuous = device.startswith("cuda") and batch_size is None if continuous is None else continuous
        self._most_at_once: int = local_limits(device, batch_size)["max_concurrency"]
        self._jobs: queue.SimpleQueue[LocalJob | None] = queue.SimpleQueue()
        self._held: deque[LocalJob] = deque()
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
        jobs = list(self._held)
        self._held.clear()
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
        """Answer jobs that were made ready, each in the way that its settings allow."""
        alike: dict[GenerationSettings, list[LocalJob]] = {}
        for job in jobs:
            alike.setdefault(_but_for_length(job.settings), []).append(job)
        together: list[LocalJob] = []
        for settings, group in alike.items():
            if self._continuous and is_continuable(model, settings):
                together += self._generate_continuously(model, settings, group)
            else:
                together += group
        size = self._batch_size
        for batch in batches(together, model.batch_size_for if size is None else lambda _: size):
            _answer(model, batch, self._stopping)

    def _generate_continuously(
        self, model: LocalModel, settings: GenerationSettings, group: Sequence[LocalJob]
    ) -> list[LocalJob]:
        """Answer a group, and jobs like it that come meanwhile; returns those that must be generated the other way."""
        under_way: dict[str, LocalJob] = {}
        refused: list[LocalJob] = []
        numbers = itertools.count()
        arrived = sorted(group, key=lambda job: job.longest, reverse=True)
        try:
            with continuous_batch(model, settings) as batch:
                while True:
                    for job in arrived:
                        request_id = str(next(numbers))
                        under_way[request_id] = job
                        batch.join(request_id, job.tokens, job.settings.max_tokens)
                    arrived = []
                    if self._stopping.is_set():
                        break
                    if under_way:
                        _answer_those_that_left(model, batch, under_way, refused)
                    elif self._held:
                        return refused
                    come = self._come(None if under_way else IDLE_SECONDS)
                    if not (under_way or come):
                        return refused
                    for job in made_ready(model, come):
                        (arrived if _but_for_length(job.settings) == settings else self._held).append(job)
        except Exception as error:  # noqa: BLE001  whatever the library can't do, the other way can
            self._continuous = False
            said = f"{type(error).__name__}: {error}"
            LOG.warning("continuous batching failed with %s; model %s goes on in batches", said, self._model_id)
            return list(dict.fromkeys([*refused, *under_way.values(), *arrived]))
        fail(under_way.values(), PartitionFailure("the model was closed", "closed"))
        return refused

    def _come(self, idle_seconds: float | None) -> list[LocalJob]:
        """Jobs that have come; none while others wait for this group to end. With seconds, waits for the first."""
        come: list[LocalJob] = []
        while not self._held and len(come) < self._most_at_once:
            job = self._next_job(0 if come or idle_seconds is None else idle_seconds)
            if job is None:
                break
            come.append(job)
        return come


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


def _but_for_length(settings: GenerationSettings) -> GenerationSettings:
    """The settings that requests of one continuous batch share."""
    return settings.model_copy(update={"max_tokens": 1})


def _answer_those_that_left(
    model: LocalModel, batch: ContinuousBatch, under_way: dict[str, LocalJob], refused: list[LocalJob]
) -> None:
    """Answer requests that ended; they leave `under_way`, and those without an answer come to `refused`."""
    for left in batch.left(POLL_SECONDS):
        job = under_way[left.request_id]
        if left.error is None:
            requested_at = datetime.now(UTC) - timedelta(seconds=left.seconds)
            job.answer(model.generated(left.tokens, job.settings.stop), left.seconds, requested_at)
        else:
            refused.append(job)
        del under_way[left.request_id]
    if under_way and not batch.is_running:
        raise RuntimeError("its thread ended")


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
