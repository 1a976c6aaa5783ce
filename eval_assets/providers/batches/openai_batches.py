"""Batches as OpenAI takes them: a file of requests, a batch over it, and two files of results.

What lines hold and what replies mean is the business of `openai_client`, as for requests that are sent one by one.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from eval_assets.config.model import Model
from eval_assets.providers.batches.service import BatchLost, BatchStatus, Leftover, Result
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import PartitionFailure, RequestFailed, TransientFailure
from eval_assets.providers.http.bodies import json_of
from eval_assets.providers.http.statuses import error_of
from eval_assets.providers.images import with_image_data
from eval_assets.requests.exchange import Reply, Request

if TYPE_CHECKING:
    from openai.types import Batch

LOG = logging.getLogger("eval_assets")
Value = TypeVar("Value")

MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 10**6
VERSION = "/v1"
TOKEN_FIELD = "eval_assets"  # noqa: S105  a field's name
RESULT_MIB = 4 * 1024
"""Largest file of results that is read."""

CALL_SECONDS = 60.0
TRANSFER_SECONDS = 3_600.0
CLOCKS_DIFFER = timedelta(days=1)
"""By how much the provider's clock may differ from ours, when we look for a batch of ours."""

OVER = ("completed", "failed", "expired", "cancelled")
FULL = ("token_limit_exceeded", "rate_limit_exceeded", "server_error", "internal_error")
"""Why a batch may be refused as a whole today and taken later."""

CANCELLED = "batch_cancelled"


class OpenAIBatches:
    """Batches of one model; connects at the first call.

    Args:
        client: Spells requests and reads replies.
        images: Folder of images that are files.
    """

    most_requests = MOST_REQUESTS
    most_bytes = MOST_BYTES

    def __init__(self, client: OpenAIClient, images: Path) -> None:
        self._client = client
        self._images = images
        self._endpoint = VERSION + client.path

    def line(self, key: str, request: Request) -> bytes:
        """A request as a line of the file that is uploaded; raises as `with_image_data` does."""
        body = self._client.body_of(with_image_data(request, self._images))
        line = {"custom_id": key, "method": "POST", "url": self._endpoint, "body": body}
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"

    async def upload(self, file: Path, token: str) -> str:
        """Upload a file; the provider's name of it."""
        content = await asyncio.to_thread(file.read_bytes)
        named = (f"eval-assets-{token}.jsonl", content)
        uploaded = await self._called(
            lambda openai: openai.files.create(file=named, purpose="batch"), "/files", TRANSFER_SECONDS
        )
        return str(uploaded.id)

    async def create(self, file_id: str, token: str) -> BatchStatus:
        """Submit an uploaded file."""
        created = await self._called(
            lambda openai: openai.batches.create(
                completion_window="24h",
                endpoint=self._endpoint,
                input_file_id=file_id,
                metadata={TOKEN_FIELD: token},
            ),
            "/batches",
        )
        return _status_of(created)

    async def find(self, token: str, since: datetime) -> BatchStatus | None:
        """The batch that was created with this token; batches are listed the newest first."""
        async for batch in self._listed():
            if (batch.metadata or {}).get(TOKEN_FIELD) == token:
                return _status_of(batch)
            if batch.created_at < (since - CLOCKS_DIFFER).timestamp():
                break
        return None

    async def status(self, batch_id: str) -> BatchStatus:
        """How far a batch is."""
        found = await self._called(lambda openai: openai.batches.retrieve(batch_id), f"/batches/{batch_id}", lost=True)
        return _status_of(found)

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask that no more requests of a batch are answered."""
        url = f"/batches/{batch_id}/cancel"
        return _status_of(await self._called(lambda openai: openai.batches.cancel(batch_id), url, lost=True))

    async def results(self, status: BatchStatus) -> Iterator[Result]:
        """What a batch that is over brought: its output file, then its error file."""
        files = [await self._content(file_id) for file_id in status.results]
        return (result for file in files for line in file.splitlines() if (result := _result_in(line)) is not None)

    def read(self, result: Result, request: Request, requested_at: datetime) -> Reply:
        """The reply in a result; raises the failure that it stands for."""
        if result.failure is not None:
            raise result.failure
        return self._client.reply_in(result.status, result.body, request, requested_at=requested_at)

    async def aclose(self) -> None:
        """Disconnect."""
        await self._client.aclose()

    async def _content(self, file_id: str) -> bytes:
        url = f"/files/{file_id}/content"
        held = await self._called(lambda openai: openai.files.content(file_id), url, TRANSFER_SECONDS, lost=True)
        content: bytes = held.content
        return content

    async def _listed(self) -> "AsyncIterator[Batch]":
        chosen: dict[str, Any] = {"limit": 100}
        while True:
            page = await self._page(chosen)
            for batch in page.data:
                yield batch
            if not page.data or not page.has_more:
                return
            chosen["after"] = page.data[-1].id

    async def _page(self, chosen: dict[str, Any]) -> Any:
        return await self._called(lambda openai: openai.batches.list(**chosen), "/batches")

    async def _called(
        self, call: Callable[[Any], Awaitable[Any]], path: str, seconds: float = CALL_SECONDS, *, lost: bool = False
    ) -> Any:
        """What an endpoint of batches answers; raises a failure, `BatchLost` where the provider knows nothing of it."""
        try:
            async with asyncio.timeout(seconds):
                return await self._client.called(call, path)
        except TimeoutError:
            raise TransientFailure(f"no answer of {path} within {seconds:g} s", kind="timeout") from None
        except PartitionFailure as failure:
            if failure.kind != "unknown_model":
                raise
            if lost:
                raise BatchLost(f"the provider doesn't know {path} any more: {failure}") from None
            said = f"this endpoint takes no batches; leave `mode: batch` out, or run with --now ({failure})"
            raise PartitionFailure(said, "no_batches") from None


def open_openai_batches(model: Model, surroundings: Surroundings) -> OpenAIBatches:
    """Batches of a model file, with secrets from the environment; raises as `open_openai` does."""
    limits = model.file.limits.model_copy(update={"max_reply_mib": RESULT_MIB})
    roomy = model.model_copy(update={"file": model.file.model_copy(update={"limits": limits})})
    return OpenAIBatches(open_openai(roomy, surroundings), surroundings.images_dir)


def _status_of(batch: "Batch") -> BatchStatus:
    """A batch in our words; every field but its id may be absent."""
    counts = batch.request_counts
    files = (batch.output_file_id, batch.error_file_id)
    return BatchStatus(
        batch_id=batch.id,
        status=str(batch.status),
        is_over=batch.status in OVER,
        n_done=(counts.completed or 0) + (counts.failed or 0) if counts else 0,
        n_failed=(counts.failed or 0) if counts else 0,
        expires_at=datetime.fromtimestamp(batch.expires_at, UTC) if batch.expires_at else None,
        results=tuple(file for file in files if file),
        leftover=_leftover(batch),
    )


def _leftover(batch: "Batch") -> Leftover:
    match batch.status:
        case "expired":
            return Leftover("batch_expired", "the batch expired before the request's turn came", may_help_again=True)
        case "cancelled":
            return Leftover(CANCELLED, "the batch was cancelled before the request's turn came", may_help_again=False)
        case "failed":
            faults = (batch.errors.data if batch.errors else None) or []
            said = (
                "; ".join(dict.fromkeys(str(fault.message or fault.code) for fault in faults[:5])) or "no reason given"
            )
            kind = next((fault.code for fault in faults if fault.code), "batch_refused")
            return Leftover(kind, f"the provider refused the whole batch: {said}", may_help_again=kind in FULL)
        case _:
            return Leftover("missing_in_batch", "the batch ended without a result for the request", may_help_again=True)


def _result_in(line: bytes) -> Result | None:
    """A line of results; null for an empty one, and for what is none, which is said."""
    if not line.strip():
        return None
    try:
        held = json_of(line)
        key, response, error = held["custom_id"], held.get("response"), held.get("error")
        if response is None:
            kind, said = error_of({"error": error})
            # What somebody cancelled isn't asked again behind their back.
            failed = RequestFailed if kind == CANCELLED else TransientFailure
            return Result(key, failure=failed(said or "a result without response or reason", kind or "no_response"))
        return Result(key, int(response["status_code"]), json.dumps(response["body"]).encode())
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        LOG.warning("a line of a batch's results can't be read (%s): %.200r", fault, line)
        return None
