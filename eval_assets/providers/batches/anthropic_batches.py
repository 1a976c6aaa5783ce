"""Batches as Anthropic takes them: created of the requests themselves, and one file of results.

A batch holds nothing that its maker may add, so our name of it is in the ids of its requests. These are told only when
it is over: whether one that is under way is ours can't be told.
"""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
from eval_assets.providers.batches.service import BatchLost, BatchStatus, Leftover, Result
from eval_assets.providers.clients.anthropic_client import open_anthropic
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import RequestFailed, TransientFailure
from eval_assets.providers.http.bodies import json_of
from eval_assets.providers.images import with_image_data
from eval_assets.requests.exchange import Request

LOG = logging.getLogger("eval_assets")
PATH = "/messages/batches"
MOST_REQUESTS = 100_000
MOST_BYTES = 250 * 10**6
"""Of the 256 MB that it takes, with room for what stands around the requests."""

ID_BEGINS = b'{"custom_id":"'
TOKEN_CHARACTERS = 12
"""Of our name of a batch, its random end: an id has 64 characters, and a key takes 43 of them."""

STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)
"""Type of an error → the status that it would have come with; of others 500."""


class AnthropicBatches(ReadByClient):
    """Batches of one model; connects at the first call.

    Args:
        client: Spells requests and reads replies.
        images: Folder of images that are files.
    """

    most_requests = MOST_REQUESTS
    most_bytes = MOST_BYTES

    def __init__(self, client: OpenAIClient, images: Path) -> None:
        self._client, self._images = client, images

    def line(self, key: str, request: Request) -> bytes:
        """A request as it is sent; raises as `with_image_data` does."""
        params = self._client.body_of(with_image_data(request, self._images))
        said = json.dumps({"custom_id": _short(key), "params": params}, separators=(",", ":"))
        return said.encode() + b"\n"

    async def upload(self, file: Path, token: str) -> str:  # noqa: ARG002  the protocol's
        """Where the requests lie: they are sent as the batch is created."""
        return str(file)

    async def create(self, file_id: str, token: str) -> BatchStatus:
        """Submit the requests of a file, each under an id that holds the token."""
        content = await asyncio.to_thread(_body, Path(file_id), token)
        return _status_of(await self._asked("POST", PATH, TRANSFER_SECONDS, content=content))

    async def find(self, token: str, since: datetime, n_requests: int) -> BatchStatus | None:
        """The batch whose ids hold this token."""
        undecided = None
        async for batch in self._listed():
            if datetime.fromisoformat(batch["created_at"]) < since - CLOCKS_DIFFER:
                break
            if sum(batch["request_counts"].values()) != n_requests:
                continue
            status = _status_of(batch)
            if not status.is_over:
                undecided = status
            elif await self._holds(status, token):
                return status
        if undecided is not None:
            said = f"batch {undecided.batch_id} holds as many requests; whether it is this one shows when it is over"
            raise TransientFailure(said, "batch_undecided")
        return None

    async def status(self, batch_id: str) -> BatchStatus:
        """How far a batch is."""
        return _status_of(await self._asked("GET", f"{PATH}/{batch_id}", lost=True))

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask that no more requests of a batch are answered."""
        return _status_of(await self._asked("POST", f"{PATH}/{batch_id}/cancel", lost=True))

    async def results(self, status: BatchStatus) -> Iterator[Result]:
        """What a batch that is over brought."""
        content = await self._results(status)
        return (result for line in content.splitlines() if (result := _result_in(line)) is not None)

    async def _holds(self, status: BatchStatus, token: str) -> bool:
        """Whether a batch that is over has ids with this token."""
        try:
            first = (await self._results(status)).partition(b"\n")[0]
        except BatchLost:
            return False
        return f'"{_mark(token)}'.encode() in first

    async def _results(self, status: BatchStatus) -> bytes:
        url = f"{PATH}/{status.batch_id}/results"
        response = await self._response("GET", url, TRANSFER_SECONDS, lost=True)
        content: bytes = response.content
        return content

    async def _listed(self) -> AsyncIterator[dict[str, Any]]:
        """Batches, the newest first."""
        asked = f"{PATH}?limit=100"
        while True:
            page = await self._asked("GET", asked)
            for batch in page["data"]:
                yield batch
            if not page["data"] or not page["has_more"]:
                return
            asked = f"{PATH}?limit=100&after_id={page['last_id']}"

    async def _asked(self, method: str, path: str, seconds: float = CALL_SECONDS, **how: Any) -> dict[str, Any]:
        said = json_of((await self._response(method, path, seconds, **how)).content)
        if not isinstance(said, dict):
            raise TransientFailure(f"expected a JSON object of {path}, got {type(said).__name__}", "invalid_json")
        return said

    async def _response(
        self, method: str, path: str, seconds: float, *, content: bytes | None = None, lost: bool = False
    ) -> Any:
        import httpx2

        def call(sdk: Any) -> Any:
            if method == "GET":
                return sdk.get(path, cast_to=httpx2.Response)
            headers = {"headers": {"Content-Type": "application/json"}}
            return sdk.post(path, cast_to=httpx2.Response, content=content or b"{}", options=headers)

        return await answer_of(self._client, call, path.partition("?")[0], seconds, lost=lost)


def open_anthropic_batches(model: Model, surroundings: Surroundings) -> AnthropicBatches:
    """Batches of a model file, with secrets from the environment; raises as `open_anthropic` does."""
    return AnthropicBatches(open_anthropic(with_room_for_results(model), surroundings), surroundings.images_dir)


def _body(file: Path, token: str) -> bytes:
    begins = ID_BEGINS + _mark(token).encode()
    requests = (line.replace(ID_BEGINS, begins, 1) for line in file.read_bytes().splitlines())
    return b'{"requests":[' + b",".join(requests) + b"]}"


def _mark(token: str) -> str:
    return f"{token[-TOKEN_CHARACTERS:]}_"


def _short(key: str) -> str:
    """A key in as few characters as ids may hold.

    >>> _short("00" * 31 + "ff")
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8'
    """
    return base64.urlsafe_b64encode(bytes.fromhex(key)).decode().rstrip("=")


def _key_in(custom_id: str) -> str:
    """The key in an id that holds a token, too.

    >>> _key_in("0123456789ab_" + _short("00" * 31 + "ff"))[-4:]
    '00ff'
    """
    short = custom_id.partition("_")[2]
    return base64.urlsafe_b64decode(short + "=" * (-len(short) % 4)).hex()


def _status_of(batch: Mapping[str, Any]) -> BatchStatus:
    """A batch in our words."""
    counts, status = batch["request_counts"], str(batch["processing_status"])
    return BatchStatus(
        batch_id=str(batch["id"]),
        status=status,
        is_over=status == "ended",
        n_done=sum(counts.values()) - counts["processing"],
        n_failed=counts["errored"],
        expires_at=datetime.fromisoformat(batch["expires_at"]),
        leftover=Leftover("missing_in_batch", "the batch ended without a result for the request", may_help_again=True),
    )


def _result_in(line: bytes) -> Result | None:
    """A line of results; null for an empty one, and for what is none, which is said."""
    if not line.strip():
        return None
    try:
        held = json_of(line)
        key, result = _key_in(held["custom_id"]), held["result"]
        match result["type"]:
            case "succeeded":
                return Result(key, 200, json.dumps(result["message"]).encode())
            case "errored":
                kind = result["error"]["error"]["type"]
                return Result(key, STATUS_OF.get(kind, 500), json.dumps(result["error"]).encode())
            case "expired":
                said = "the batch expired before the request's turn came"
                return Result(key, failure=TransientFailure(said, "batch_expired"))
            case _:
                # What somebody cancelled isn't asked again behind their back.
                said = "the batch was cancelled before the request's turn came"
                return Result(key, failure=RequestFailed(said, CANCELLED))
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        LOG.warning("a line of a batch's results can't be read (%s): %.200r", fault, line)
        return None
