"""Batches as OpenAI takes them: a file of requests, a batch over it, and two files of results.

What lines hold and what replies mean is the business of `openai_client`, as for requests that are sent one by one.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval_assets.config.model import Model
from eval_assets.providers.batches.endpoint_calls import (
    CALL_SECONDS,
    CANCELLED,
    CLOCKS_DIFFER,
    TRANSFER_SECONDS,
    ReadByClient,
    answer_of,
    with_room_for_results,
)
from eval_assets.providers.batches.service import BatchStatus, Leftover, Result
from eval_assets.providers.clients.azure_address import azure_resource_url
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.openai_opening import open_openai
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import RequestFailed, TransientFailure
from eval_assets.providers.http.bodies import json_of
from eval_assets.providers.http.statuses import error_of
from eval_assets.providers.images import with_image_data
from eval_assets.requests.exchange import Request

if TYPE_CHECKING:
    from openai.types import Batch, FileObject

LOG = logging.getLogger("eval_assets")

MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 10**6
VERSION = "/v1"

BEING_READ = ("pending", "running", "importing")
UNREADABLE = ("error", "failed")
"""States of a file on Azure; elsewhere it is `uploaded` or `processed` at once."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
TOKEN_FIELD = "eval_assets"  # noqa: S105  a field's name

OVER = ("completed", "failed", "expired", "cancelled")
FULL = ("token_limit_exceeded", "rate_limit_exceeded", "server_error", "internal_error")
"""Why a batch may be refused as a whole today and taken later."""


class OpenAIBatches(ReadByClient):
    """Batches of one model; connects at the first call.

    Args:
        client: Spells requests and reads replies.
        images: Folder of images that are files.
        version: Of the API, as lines name it before its path.
    """

    most_requests = MOST_REQUESTS
    most_bytes = MOST_BYTES

    def __init__(self, client: OpenAIClient, images: Path, *, version: str = VERSION) -> None:
        self._client = client
        self._images = images
        self._endpoint = version + client.path

    def line(self, key: str, request: Request) -> bytes:
        """A request as a line of the file that is uploaded; raises as `with_image_data` does."""
        body = self._client.body_of(with_image_data(request, self._images))
        line = {"custom_id": key, "method": "POST", "url": self._endpoint, "body": body}
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"

    async def upload(self, file: Path, token: str) -> str:
        """Upload a file; the provider's name of it, once it may be used: Azure reads it first."""
        content = await asyncio.to_thread(file.read_bytes)
        named = (f"eval-assets-{token}.jsonl", content)
        uploaded = await self._called(
            lambda openai: openai.files.create(file=named, purpose="batch"), "/files", TRANSFER_SECONDS
        )
        return await self._usable(uploaded)

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

    async def find(self, token: str, since: datetime, n_requests: int) -> BatchStatus | None:  # noqa: ARG002
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

    async def _usable(self, uploaded: "FileObject") -> str:
        """The name of a file, once the provider has read it."""
        file_id, pause = str(uploaded.id), FIRST_PAUSE_SECONDS
        began = time.monotonic()
        while uploaded.status in BEING_READ:
            if time.monotonic() - began > TRANSFER_SECONDS:
                said = f"{file_id} is still {uploaded.status} after {TRANSFER_SECONDS:g} s"
                raise TransientFailure(said, "timeout")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            uploaded = await self._called(lambda openai: openai.files.retrieve(file_id), f"/files/{file_id}", lost=True)
        if uploaded.status in UNREADABLE:
            told = f": {uploaded.status_details}" if uploaded.status_details else ""
            raise RequestFailed(f"the provider can't read the file of requests{told}", "batch_refused")
        return file_id

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
        return await answer_of(self._client, call, path, seconds, lost=lost)


def open_openai_batches(model: Model, surroundings: Surroundings) -> OpenAIBatches:
    """Batches of a model file, with secrets from the environment; raises as `open_openai` does.

    On Azure they belong to the resource, not to a deployment: that is named by each line.
    """
    resource = azure_resource_url(model.file)
    client = open_openai(with_room_for_results(model), surroundings, base_url=resource)
    return OpenAIBatches(client, surroundings.images_dir, version=VERSION if resource is None else "")


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
