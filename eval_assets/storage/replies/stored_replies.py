"""One stored reply: its row in `responses`, and the hashes that prove row, request and key belong together."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from eval_assets.providers.requests import Reply
from eval_assets.requests.canonical_json import json_sha256

REUSABLE = ("ok", "truncated")
"""Outcomes that answer a request for good. Refusals are kept for accounting and asked again; errors aren't kept."""


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply with the ids it is known by; `run_id` is the run that paid for it."""

    response_id: str
    request_key: str
    run_id: str
    reply: Reply


def storable(reply: Reply) -> Reply:
    """The reply with text that UTF-8 can encode: a model may cut an emoji in half."""
    return replace(
        reply,
        output=_encodable(reply.output),
        error=_encodable(reply.error),
        finish_reason=_encodable(reply.finish_reason),
    )


def row_of(reply: Reply, *, lane: str, request_key: str, request: str, key_schema: str, run_id: str) -> dict[str, Any]:
    """The row of `responses` for a new reply, under a new response id."""
    row = {
        "lane": lane,
        "response_id": uuid.uuid4().hex,
        "request_key": request_key,
        "key_schema": key_schema,
        "request": request,
        "outcome": reply.outcome,
        "output": reply.output,
        "finish_reason": reply.finish_reason,
        "error_kind": reply.error_kind,
        "error": reply.error,
        "logprobs": None if reply.logprobs is None else json.dumps(reply.logprobs),
        "latency_seconds": reply.latency_seconds,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "cost_usd": reply.cost_usd,
        "requested_at": reply.requested_at,
        "run_id": run_id,
    }
    row["reply_sha256"] = reply_sha256(row)
    return row


def reply_sha256(row: Mapping[str, Any]) -> str:
    """Hash of what was answered to which request; a reply moved under another key no longer matches."""
    said = [
        row["response_id"],
        row["request_key"],
        row["outcome"],
        row["output"],
        row["finish_reason"],
        row["logprobs"],
    ]
    spent = [row["prompt_tokens"], row["completion_tokens"]]
    return json_sha256([*said, *spent], sort_keys=False)


def is_intact(row: Mapping[str, Any]) -> bool:
    """Whether request, key and reply of a row still belong together."""
    request = row["request"]
    if request is None or hashlib.sha256(request.encode()).hexdigest() != row["request_key"]:
        return False
    return bool(row["reply_sha256"] == reply_sha256(row))


def stored_reply_of(row: Mapping[str, Any]) -> StoredReply:
    """The reply a row holds, from the table or from a journal."""
    requested_at = row["requested_at"]
    reply = Reply(
        outcome=row["outcome"],
        output=row["output"],
        finish_reason=row["finish_reason"],
        latency_seconds=row["latency_seconds"],
        requested_at=datetime.fromisoformat(requested_at) if isinstance(requested_at, str) else requested_at,
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cost_usd=row["cost_usd"],
        error=row["error"],
        error_kind=row["error_kind"],
        logprobs=None if row["logprobs"] is None else json.loads(row["logprobs"]),
    )
    return StoredReply(row["response_id"], row["request_key"], row["run_id"], reply)


def _encodable(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "replace").decode()
